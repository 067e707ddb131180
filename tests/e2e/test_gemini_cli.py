"""What is special to the real Gemini CLI, in real containers without a network."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from inspect_ai.agent import AgentState, BridgedToolsSpec, run
from inspect_ai.model import ChatMessageUser
from inspect_ai.solver import Generate, Solver, TaskState, solver

from inspect_swe import gemini_cli
from inspect_swe._agents.gemini_cli.agent import GeminiCli
from inspect_swe._packages.recipes import NODE
from inspect_swe._store.versions import fetch_cli, fetch_tool
from inspect_swe.testing import ScriptStep, call, fail, refuse, say, shell, turn

from .harness import asked, run_agent, tool_results
from .test_claude_code import lookup


@pytest.mark.parametrize(
    "prompt",
    [
        "/status returns 500. Fix it.\n@{README.md} !{ls} {{args}}",
        "? is a question mark",
        "@README.md says:\n\n\n@pytest.fixture, @src, me@src.org\n\t@x " + "0123456789abcdef" * 65536 + " END",
        "<session_context> is not one",
    ],
    ids=["command", "question", "mention", "context"],
)
def test_a_prompt_arrives_as_it_is_written(tmp_path: Path, prompt: str) -> None:
    agent = gemini_cli(system_prompt="Use\n@property, see @./x", web_search=prompt.startswith("?"))
    files = {"README.md": "SECRET-OF-THE-FILE", "src/a.py": "SECRET-OF-THE-FOLDER"}
    outcome = run_agent(tmp_path, agent, [say("ok")], prompt=prompt, files=files)
    text = asked(outcome)
    assert prompt in text and text.count("Use\n@property, see @./x") == 1
    assert "SECRET" not in text
    assert ("google_web_search" in outcome.requests[0].tool_names) is prompt.startswith("?")


@solver
def two_turns(first: str, second: str) -> Solver:
    agent = gemini_cli(system_prompt="SYSTEM-MARKER")

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        begun: AgentState = await run(agent, [ChatMessageUser(content=first)])
        begun.messages.append(ChatMessageUser(content=second))
        ended: AgentState = await run(agent, begun.messages)
        state.messages, state.output = ended.messages, ended.output
        return state

    return solve


def test_a_resumed_session_has_everything_once(tmp_path: Path) -> None:
    script: list[ScriptStep] = [turn(shell("echo ONE"), shell("echo TWO")), say("first answer"), say("second answer")]
    outcome = run_agent(tmp_path, gemini_cli(), script, solver=two_turns("/first @prompt", "? second"))
    text = asked(outcome, -1)
    for mark in ("/first @prompt", "? second", "SYSTEM-MARKER", "Output: ONE", "Output: TWO", "first answer"):
        assert text.count(mark) == 1, mark
    assert len(tool_results(outcome.sample.messages)) == 2


SETTINGS = '{"context": {"fileName": "AGENTS.md"}, "tools": {"exclude": ["write_todos"]}}'
PREPARE = f"""#!/bin/sh
set -e
mkdir -p /workspace/.gemini ~/.gemini
echo '{SETTINGS}' > /workspace/.gemini/settings.json
echo '{{"tools": {{"exclude": ["glob"]}}, "general": {{"maxAttempts": 1}}}}' > ~/.gemini/settings.json
echo INSTRUCTIONS-OF-THE-TASK > /workspace/AGENTS.md
mkdir -p ~/.gemini/skills/mine
printf -- '---\\nname: mine\\ndescription: SKILL-OF-THE-USER\\n---\\nx\\n' > ~/.gemini/skills/mine/SKILL.md
find /workspace ~/.gemini -type f | sort | xargs md5sum > /before
"""


def test_settings_of_the_task_and_of_the_user_take_effect(tmp_path: Path) -> None:
    outcome = run_agent(
        tmp_path,
        gemini_cli(system_prompt="SYSTEM-MARKER"),
        [say("ok")],
        setup=PREPARE,
        show="find /workspace ~/.gemini -type f | sort | xargs md5sum | diff /before - && echo unchanged",
    )
    text = asked(outcome)
    for mark in ("INSTRUCTIONS-OF-THE-TASK", "SYSTEM-MARKER", "SKILL-OF-THE-USER"):
        assert text.count(mark) == 1, mark
    assert not {"write_todos", "glob"} & set(outcome.requests[0].tool_names)
    assert outcome.seen == "unchanged\n"


@pytest.mark.parametrize("last", [refuse(""), say("")], ids=["blocked", "empty"])
def test_an_answer_without_text_is_scored(tmp_path: Path, last: ScriptStep) -> None:
    outcome = run_agent(tmp_path, gemini_cli(), [shell("echo x > out"), *[last] * 4], show="cat out")
    assert outcome.seen == "x\n"


def test_an_overloaded_provider_is_retried_by_the_cli(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, gemini_cli(), [fail(529, "busy"), fail(500, "oops"), say("made it")])
    assert outcome.error is None
    assert outcome.sample.output.completion == "made it"


def test_image_without_bash(tmp_path: Path) -> None:
    """And results of host tools that are JSON come back as they are."""
    outcome = run_agent(
        tmp_path,
        gemini_cli(bridged_tools=[BridgedToolsSpec(name="host", tools=[lookup()])]),
        [shell("echo it works > out; echo done"), call("host/lookup", what="number"), say("ok")],
        setup="#!/bin/sh\nrm -f /bin/bash /usr/bin/bash\n",
        show="cat out",
    )
    assert outcome.seen == "it works\n"
    printed, number = tool_results(outcome.sample.messages)
    assert "not found" not in printed
    assert "42" in number and '"output"' not in number


def test_the_sandboxs_own_cli(tmp_path: Path) -> None:
    cli = anyio.run(fetch_cli, GeminiCli.key, GeminiCli.recipe, "stable", "linux-x64")
    node = anyio.run(fetch_tool, NODE, "linux-x64")
    wrapper = '#!/bin/sh\\nexec /opt/node/bin/node /opt/gemini/bundle/gemini.js "$@"\\n'
    outcome = run_agent(
        tmp_path,
        gemini_cli(version="sandbox"),
        [say("ok")],
        setup=f"#!/bin/sh\nprintf '{wrapper}' > /usr/local/bin/gemini\nchmod 755 /usr/local/bin/gemini\n",
        volumes=[f"{node.binary.parent.parent}:/opt/node:ro", f"{cli.binary.parent.parent}:/opt/gemini:ro"],
    )
    assert outcome.error is None
    assert outcome.info["source"] == "sandbox"
    assert outcome.info["version"] == "0.61.0"
