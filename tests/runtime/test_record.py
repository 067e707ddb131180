from __future__ import annotations

from inspect_ai.tool import MCPServerConfigHTTP, MCPServerConfigStdio

from inspect_swe._runtime.redaction import redact_command, redact_env, redact_text


def test_a_command_without_its_secrets() -> None:
    servers = [
        MCPServerConfigHTTP(name="far", type="http", url="https://far/mcp", headers={"X-Who": "value-far"}),
        MCPServerConfigStdio(name="near", command="serve", env={"ANY": "value-"}),
    ]
    argv = [
        "cli",
        "--flag",
        "-c",
        "servers.far.headers={X-Who=value-far}",
        "-c",
        "near.env.ANY=value-",
        "s3cret!",
        "model=m",
    ]
    shown = redact_command([*argv, "API_KEY=1234"], {"ANY": "s3cret!", "MODE": "model"}, servers)
    assert shown == [
        *("cli", "--flag", "-c", "servers.far.headers={X-Who=***}", "-c", "near.env.ANY=***", "***", "model=m"),
        "API_KEY=***",
    ]
    assert redact_command(["x" * 600], {}, []) == ["x" * 500 + "..."]
    assert redact_text("TOKEN=abc " + "x" * 600 + " s3cret!", {"ANY": "s3cret!"}, servers) == (
        "TOKEN=abc " + "x" * 600 + " ***"
    )


def test_variables_without_secrets() -> None:
    assert redact_env({"A": "1", "AUTH_TOKEN": "x", "HOME": "/h"}, {"HOME": "/mine", "B": "2"}) == {
        "A": "1",
        "AUTH_TOKEN": "***",
        "HOME": "***",
        "B": "***",
    }
