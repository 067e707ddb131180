"""The same agent over every way to reach a sandbox."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.tool import Skill

import inspect_swe
from inspect_swe import claude_code, with_agents
from inspect_swe.testing import call, finish, say, shell

from ..fakes import portable_sandbox  # noqa: F401  (registers the provider)
from .harness import compose_file, mounts, run_agent, run_agents, tool_results
from .test_claude_code import lookup


def test_image_environment_reaches_the_agent(tmp_path: Path) -> None:
    run = run_agent(
        tmp_path,
        claude_code(env={"MINE": "m"}),
        [shell('echo "$FROM_IMAGE $MINE"'), say("done")],
        environment={"FROM_IMAGE": "with = and spaces", "MINE": "theirs"},
    )
    assert run.error is None
    assert tool_results(run.sample.messages) == ["with = and spaces m"]


def test_portable_provider(tmp_path: Path) -> None:
    skill = Skill(name="magic", description="Knows a word.", instructions="The word is XYZZY.")
    run = run_agent(
        tmp_path,
        claude_code(bridged_tools=[BridgedToolsSpec(name="host", tools=[lookup()])], skills=[skill], user="agent"),
        [call("host/lookup", what="number"), shell("id -u; seq 1 20000 | tail -n 1; sleep 3"), say("done")],
        sandbox=(
            "portable_test",
            with_agents(compose_file(tmp_path, working_dir="/home/agent"), ["claude_code"]).config,
        ),
    )
    assert run.error is None
    assert run.info["transport"] == "portable"
    assert tool_results(run.sample.messages) == ["42", "1500\n20000"]


def test_a_narrow_and_distant_provider(tmp_path: Path) -> None:
    # One big file and thousands of small ones are copied there; that is slow, so the others are mounted.
    copied, mounted = ("opencode", "mini_swe_agent"), ("claude_code", "codex_cli", "gemini_cli")
    volumes = [mount for key in mounted for mount in mounts(key, "stable")]
    runs = run_agents(
        tmp_path,
        {key: getattr(inspect_swe, key)() for key in (*copied, *mounted)},
        [shell("id -u; seq 1 400000 | tail -n 1; printf hi > out.txt"), finish("Done.")],
        ("strict_test", compose_file(tmp_path, user="1500:1500", working_dir="/home/agent", volumes=volumes)),
        "cat out.txt",
    )
    for key, run in runs.items():
        assert run.seen == "hi", key
        assert run.info["transport"] == "portable"
        assert run.info["source"] == ("cache" if key in copied else "mount")
        printed = "".join(message.text for message in run.sample.messages if message.role == "tool")
        assert "1500" in printed and "400000" in printed, key


def test_only_the_home_directory_allows_execution(tmp_path: Path) -> None:
    run = run_agent(
        tmp_path,
        claude_code(),
        [shell("printf hi > ~/out.txt"), say("done")],
        show="cat /home/agent/out.txt; ls -d /*/*/.agent-* /tmp/.agent-* 2>/dev/null",
        user="1500:1500",
        read_only=True,
        tmpfs=["/tmp:noexec,mode=1777", "/var/tmp:noexec,mode=1777", "/home/agent:exec,uid=1500,gid=1500"],
        working_dir="/home/agent",
    )
    assert run.seen == "hi/home/agent/.agent-1500\n"


def test_local_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the scheduler of a cluster has chosen the folder for temporary files."""
    long = tmp_path / "two words" / ("x" * 120)
    long.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.setattr(tempfile, "tempdir", None)
    run = run_agent(
        tmp_path,
        claude_code(),
        [shell("printf hello > out.txt; echo $IS_SANDBOX"), say("done")],
        show="pwd; cat out.txt",
        sandbox="local",
    )
    assert run.seen.startswith(f"{long}/") and run.seen.endswith("\nhello")
    assert run.info["transport"] == "local"


# As with a release of inspect_ai in which one of the internals that we use is not there any more.
CHANGED_INSPECT = """
import sys
from pathlib import Path
sys.modules["inspect_swe._inspect.handlers.anthropic"] = None
from inspect_ai.agent import BridgedToolsSpec, as_solver
from inspect_ai.tool import MCPServerConfigStdio
from inspect_swe import claude_code, idle_limit, repeat_limit
from inspect_swe.testing import call, say, shell
from tests.e2e.harness import run_agent
from tests.e2e.harness import tool_results
from tests.e2e.test_claude_code import lookup

run = run_agent(
    Path(sys.argv[1]),
    claude_code(bridged_tools=[BridgedToolsSpec(name="host", tools=[lookup()])], system_prompt="MARK-1"),
    [shell("echo over the net"), call("host/lookup", what="number"), say("done")],
)
assert run.error is None, run.error
assert run.info["bridge"] == "inspect", run.info
assert tool_results(run.sample.messages) == ["over the net", "42"]
assert run.sample.output.completion == "done"
told = [event.message.message for event in run.sample.events if event.event == "logger"]
assert sum("slower bridge" in text for text in told) == 1, told

broken = claude_code(mcp_servers=[MCPServerConfigStdio(name="broken", command="false")])
run = run_agent(Path(sys.argv[1]), broken, [say("scored")])
assert run.error and "without the tools of MCP server 'broken'" in run.error, run.error
assert run.requests == [], "it was to fail before the model was asked"

bounded = as_solver(claude_code(), limits=[repeat_limit(3), idle_limit(60)])
run = run_agent(Path(sys.argv[1]), claude_code(), [shell("echo again")] * 9, solver=bounded)
assert run.sample.limit and run.sample.limit.type == "custom" and len(run.requests) == 3, run.sample.limit
told = [event.message.message for event in run.sample.events if event.event == "logger"]
assert sum("idle_limit() has no effect" in text for text in told) == 1, told
"""


def test_inspects_own_bridge_is_the_safety_net(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHANGED_INSPECT, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
