"""inspect-swarm: CLIs as members of a swarm, in one sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_swarm import leaderless, member, swarm

from inspect_swe import claude_code, codex_cli, interactive_claude_code
from inspect_swe.testing import ScriptedRequest, ScriptStep, finish, scripted, shell
from tests.e2e.harness import compose_file, run_agent

from .support import volumes


def working(file: str) -> list[ScriptStep]:
    def step(request: ScriptedRequest) -> ScriptStep:
        done = any(message.role == "tool" for message in request.messages)
        return finish("Done.")(request) if done else shell(f"echo here > {file}")

    return [step] * 20


@pytest.mark.docker
def test_two_members(tmp_path: Path) -> None:
    models = {name: scripted(working(f"/workspace/{name}.txt"), name=name) for name in ("one", "two")}
    made = swarm(
        [member(claude_code(model=models["one"]), name="one"), member(codex_cli(model=models["two"]), name="two")],
        controller=leaderless(stop_on_submission=False),
    )
    compose = compose_file(tmp_path, volumes=volumes("claude_code", "codex_cli"))
    run = run_agent(
        tmp_path, made, [], sandbox=("lean_test", compose), show="cat /workspace/one.txt /workspace/two.txt"
    )
    assert run.seen == "here\nhere\n"


def test_an_interactive_agent_is_refused() -> None:
    with pytest.raises(TypeError, match="ACP"):
        swarm([member(interactive_claude_code(), name="one"), member(claude_code(), name="two")])
