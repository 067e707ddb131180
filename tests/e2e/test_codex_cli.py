"""What is special to the real Codex CLI, in real containers without a network."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageUser,
    ContentImage,
    ContentText,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.tool import MCPServerConfigStdio, ToolCall

from inspect_swe import CodexAutoReview, codex_cli
from inspect_swe._runtime import session as session_module
from inspect_swe.testing import call, fail, refuse, say, scripted, scripted_requests, shell

from .harness import Run, run_agent, tool_results
from .test_claude_code import FAKE_MCP, lookup

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
USER_NAMESPACES: dict[str, Any] = {"security_opt": ["seccomp=unconfined"]}
"""What Codex's own sandbox needs in a container."""


def texts(run: Run) -> str:
    return "\n".join(message.text for message in run.requests[-1].messages)


JAVASCRIPT = r"""
const ran = await tools.exec_command({cmd: "echo made > file.txt; cat file.txt"});
text(ran.output);
await tools.apply_patch("*** Begin Patch\n*** Update File: file.txt\n@@\n-made\n+patched\n*** End Patch\n");
"""


@pytest.mark.parametrize("slug", ["gpt-5.2-codex", "gpt-5.5", "gpt-5.6-luna", "gpt-6.1-sol"])
def test_mcp_tools_are_offered_at_once(tmp_path: Path, slug: str) -> None:
    in_code_mode = slug in ("gpt-5.6-luna", "gpt-6.1-sol")
    work = call("exec", input=JAVASCRIPT) if in_code_mode else shell("echo patched > file.txt; echo made")
    run = run_agent(
        tmp_path,
        codex_cli(
            model_config=slug,
            mcp_servers=[MCPServerConfigStdio(name="my-std", command="python3", args=["/opt/server.py"])],
            bridged_tools=[BridgedToolsSpec(name="host", tools=[lookup()])],
        ),
        [call("host/lookup", what="number"), call("add", a=2, b=3), work, say("done")],
        files={"/opt/server.py": Path(FAKE_MCP).read_text()},
        show="cat file.txt",
    )
    assert run.seen == "patched\n"
    assert {"mcp__host__lookup", "mcp__my_std__add"} <= set(run.requests[0].tool_names)
    assert ("exec" in run.requests[0].tool_names) is in_code_mode
    number, total, made = tool_results(run.sample.messages)
    assert number.endswith("42") and total.endswith("sum=5") and "made" in made
    ran = [event.function for event in run.sample.events if event.event == "tool"]
    assert ran[:2] == ["lookup", "mcp__my_std__add"] and len(ran) == 3


def test_apply_patch(tmp_path: Path) -> None:
    patch = "*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n"
    patched = ToolCall(id="c1", function="apply_patch", arguments={"input": patch}, type="custom")
    usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    messages = [ChatMessageAssistant(content="", tool_calls=[patched]), ChatMessageAssistant(content="done")]
    outputs = [ModelOutput(model="m", choices=[ChatCompletionChoice(message=m)], usage=usage) for m in messages]
    run = run_agent(tmp_path, codex_cli(), [], model=get_model("mockllm/m", custom_outputs=outputs), show="cat new.txt")
    assert run.seen == "hello\n"
    assert "Success" in tool_results(run.sample.messages)[0]


def test_a_model_it_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[str] = []
    monkeypatch.setattr(session_module, "trace_message", lambda logger, category, message: traced.append(message))
    run = run_agent(tmp_path, codex_cli(debug=True), [shell("true"), say("done")])
    assert run.error is None
    assert "You are a coding agent running in the Codex CLI" in texts(run)
    output = "".join(traced)
    assert "stdout: " in output and "thread.started" in output and " DEBUG " in output
    assert "metadata for" not in output
    assert "starting new connection: http://127.0.0.1" in output and "connection: https" not in output


@pytest.mark.parametrize(
    ("options", "search", "goals"),
    [
        ({}, {}, True),
        ({"web_search": "cached"}, {"external_web_access": False}, True),
        ({"disallowed_tools": ["web_search"], "goals": False}, None, False),
    ],
)
def test_web_search_and_goals(tmp_path: Path, options: dict[str, Any], search: object, goals: bool) -> None:
    run = run_agent(tmp_path, codex_cli(**options), [shell("echo x > /outside; cat /outside"), say("done")])
    assert run.error is None and tool_results(run.sample.messages)[0].endswith("x\n")
    offered = {tool.name: tool.options or {} for tool in run.requests[0].tools}
    assert offered.get("web_search", {}).get("openai") == search
    assert ("create_goal" in offered) is goals


def test_config_overrides_win(tmp_path: Path) -> None:
    overrides = {"web_search": "disabled", "features.goals": "false", "developer_instructions": "FROM-THE-OVERRIDE"}
    run = run_agent(tmp_path, codex_cli(config_overrides=overrides, system_prompt="FROM-US"), [say("done")])
    assert run.error is None
    assert not {"web_search", "create_goal"} & set(run.requests[0].tool_names)
    assert "FROM-THE-OVERRIDE" in texts(run) and "FROM-US" not in texts(run)


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    run = run_agent(tmp_path, codex_cli(config_overrides={"approval_policy": "bogus"}), [say("never")])
    assert run.error and "Codex CLI failed: Error loading config.toml: unknown variant `bogus`" in run.error


def test_a_server_that_does_not_start_is_named(tmp_path: Path) -> None:
    server = MCPServerConfigStdio(name="gone", command="false", args=[])
    run = run_agent(tmp_path, codex_cli(mcp_servers=[server]), [say("never")])
    assert run.error and "required MCP servers failed to initialize: gone" in run.error
    assert not run.requests


OWN_FILES = """#!/bin/sh
set -e
mkdir -p ~/.codex /srv/home && cd /srv/home
echo FROM-THE-USER > ~/.codex/AGENTS.md
echo FROM-THE-HOME > AGENTS.md
printf 'project_doc_max_bytes = 4096\\n[mcp_servers.mine]\\ncommand = "x"\\nenabled = false\\n' > config.toml
md5sum ~/.codex/AGENTS.md AGENTS.md config.toml > /before
echo FROM-THE-PROJECT > /workspace/AGENTS.md
"""


@pytest.mark.parametrize("home", [None, "/srv/home"])
def test_homes(tmp_path: Path, home: str | None) -> None:
    run = run_agent(
        tmp_path,
        codex_cli(home_dir=home, attempts=2, system_prompt="SYSTEM-MARKER"),
        [shell("echo $CODEX_HOME"), say("one")],
        setup=OWN_FILES,
        show="cd /srv/home && md5sum -c /before >/dev/null && ls; ls -A /workspace",
    )
    assert run.seen.endswith("\nAGENTS.md\n"), "there is nothing else in the working directory"
    assert ("agent.config.toml" in run.seen) is (home is not None)
    said = texts(run)
    assert said.count("SYSTEM-MARKER") == 1 and "FROM-THE-PROJECT" in said
    assert ("FROM-THE-HOME" in said, "FROM-THE-USER" in said) == (home is not None, home is None)
    assert (home or "/home\n") in tool_results(run.sample.messages)[0]


def test_images(tmp_path: Path) -> None:
    image = ContentImage(image="data:image/png;base64," + base64.b64encode(PNG).decode())
    prompt: list[ChatMessage] = [ChatMessageUser(content=[ContentText(text="What is it?"), image])]
    run = run_agent(tmp_path, codex_cli(), [say("A dot.")], prompt=prompt)
    assert run.error is None
    last = run.requests[0].messages[-1]
    assert "What is it?" in last.text
    assert [part.image for part in last.content if isinstance(part, ContentImage)] == [image.image]


ALLOW = '{"risk_level": "low", "user_authorization": "high", "outcome": "allow", "rationale": "fine"}'
ESCALATE = call(
    "exec_command",
    cmd="echo out > /outside",
    sandbox_permissions="require_escalated",
    justification="It is asked for.",
)


@pytest.mark.parametrize("slug", [None, "gpt-5.5"])
def test_auto_review(tmp_path: Path, slug: str | None) -> None:
    reviewer = scripted([say(ALLOW)], name="reviewer")
    run = run_agent(
        tmp_path,
        codex_cli(
            model_config=slug,
            auto_review=CodexAutoReview(policy="THE-POLICY", model="scripted/unused"),
            model_aliases={"codex-auto-review": reviewer},
        ),
        [shell("echo in > inside; touch /nowhere"), ESCALATE, say("done")],
        show="cat inside /outside; ls /nowhere",
        **USER_NAMESPACES,
    )
    assert run.seen.startswith("in\nout\nls: cannot access")
    (review,) = scripted_requests(reviewer)
    assert any("THE-POLICY" in message.text for message in review.messages)


def test_its_own_sandbox(tmp_path: Path) -> None:
    connect = "python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 1))'"
    run = run_agent(
        tmp_path,
        codex_cli(sandbox_mode="workspace-write", network_access=False),
        [shell(f"echo in > inside; touch /nowhere; {connect}"), say("done")],
        show="cat inside; ls /nowhere",
        **USER_NAMESPACES,
    )
    assert run.seen.startswith("in\nls: cannot access")
    assert (
        "Read-only file system" in tool_results(run.sample.messages)[0]
        and "Operation not permitted" in tool_results(run.sample.messages)[0]
    )


def test_path_of_the_image(tmp_path: Path) -> None:
    path = "/custom/bin:/usr/local/bin:/usr/bin:/bin"
    run = run_agent(tmp_path, codex_cli(), [shell("echo $PATH; which rg"), say("done")], environment={"PATH": path})
    assert run.error is None
    assert (
        f"{path}\n" in tool_results(run.sample.messages)[0] and "codex-path/rg" in tool_results(run.sample.messages)[0]
    )


def test_its_own_retries(tmp_path: Path) -> None:
    run = run_agent(tmp_path, codex_cli(), [fail(500, "oops"), fail(529, "busy"), say("made it")])
    assert run.error is None and run.sample.output.completion == "made it"
    (tmp_path / "again").mkdir()
    run = run_agent(tmp_path / "again", codex_cli(), [fail(503, "down")] * 19)
    assert run.error and "HTTP 503: down" in run.error
    assert len(run.requests) == 2 * 5  # the session is resumed once


def test_refusals_are_few(tmp_path: Path) -> None:
    run = run_agent(tmp_path, codex_cli(), [refuse("No.")] * 9)
    assert run.error is None and run.sample.scores
    assert len(run.requests) == 5


def test_a_prompt_above_the_limit_is_an_error(tmp_path: Path) -> None:
    run = run_agent(tmp_path, codex_cli(), [say("never")], prompt="x" * (2**20 + 1))
    assert run.error and "Input exceeds the maximum length of 1048576 characters" in run.error
