"""Snapshots of a sandbox, and the best of several candidates in one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from inspect_ai.agent import Agent, AgentState, agent
from inspect_ai.event import SpanBeginEvent
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import message_limit, sandbox, store

from inspect_swe import (
    AgentError,
    AgentOptionError,
    Candidate,
    OutputFiles,
    SnapshotTooLargeError,
    best_of,
    claude_code,
    codex_cli,
    opencode,
    output_files,
    snapshot,
)
from inspect_swe.testing import ScriptStep, finish, shell

from .harness import mounts, run_agent

BEGIN = """
cd /workspace && mkdir -p sub/.dot && echo kept > sub/file && echo hidden > sub/.dot/x && ln -s sub/file link
chmod 750 sub/file && printf 'odd\\n' > './-rf *' && chown -R 1234:1234 sub
"""
SPOIL = "cd /workspace && rm -rf sub link && mkdir link && echo new > added && ln -s /etc sub && echo other > './-rf *'"
LOOK = "cd /workspace && find . | sort | grep -v '^./.agent' && ls -ln sub/file && cat sub/file ./-rf* && readlink link"


@agent
def nobody() -> Agent:
    async def execute(state: AgentState) -> AgentState:
        return state

    return execute


def in_sandbox(folder: Path, do: Callable[[], Awaitable[None]], image: str) -> None:
    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            await do()
            return state

        return solve

    run = run_agent(folder, nobody(), [], solver=drive(), image=image, mount=False, tmpfs=["/var/tmp:exec,size=8m"])
    assert run.error is None, run.error


async def sh(command: str) -> str:
    done = await sandbox().exec(["sh", "-c", command])
    return done.stdout + done.stderr


@pytest.mark.parametrize("image", ["bookworm", "musl"])
def test_a_snapshot_brings_everything_back(image: str, tmp_path: Path) -> None:
    """Content, links, permissions and owners, deletions and additions; as often as one likes, also with busybox."""

    async def check() -> None:
        await sh(BEGIN)
        before = await sh(LOOK)
        assert "1234" in before and "hidden" not in before and "./sub/.dot/x" in before, before
        taken = await snapshot()
        for _ in range(2):
            await sh(SPOIL)
            changes = await taken.changes()
            assert changes["/workspace/added"] == "added"
            assert changes["/workspace/sub/file"] == "deleted"
            assert changes["/workspace/-rf *"] == "modified"
            await taken.restore()
            assert await sh(LOOK) == before
            assert await taken.changes() == {}
        await sh("rm -rf /workspace/*")
        await taken.restore()
        assert await sh(LOOK) == before
        await taken.close()
        assert await sh("find / -xdev -name 'snapshot-*.tar'") == ""
        with pytest.raises(AgentError, match="could not be restored"):
            await taken.restore()
        assert await sh(LOOK) == before
        await _refusals()

    in_sandbox(tmp_path, check, image)


async def _refusals() -> None:
    with pytest.raises(AgentOptionError, match="contains the agents' own files"):
        await snapshot(["/"])
    with pytest.raises(AgentError, match="there is no"):
        await snapshot(["missing"])
    with pytest.raises(AgentOptionError, match="no folder"):
        await snapshot([])
    await sh("head -c 20000000 /dev/zero > /workspace/big")
    with pytest.raises(SnapshotTooLargeError, match=r"takes 19 MiB, and \d MiB are free"):
        await snapshot()
    assert await sh("find /var/tmp -name 'snapshot-*.tar'") == ""


def test_the_best_of_three_agents(tmp_path: Path) -> None:
    """Each begins with the same files and in a session of its own; the chosen one's work is what is scored."""
    seen: list[Candidate] = []

    async def judge(candidates: list[Candidate]) -> int:
        seen.extend(candidates)
        return 1

    collect = OutputFiles(patch=False)
    agents = [made(collect=collect) for made in (claude_code, codex_cli, opencode)]
    # Each candidate is a scripted conversation of its own; a file in another folder tells them apart.
    work = "read n < /tmp/n; ls > seen-$n; echo $n >> base; echo $n > made-$n; expr $n + 1 > /tmp/n"
    script: list[ScriptStep] = [shell("sh /tmp/work.sh"), finish("Done.")]
    volumes = {str(mount): mount for key in ("claude_code", "codex_cli", "opencode") for mount in mounts(key, "stable")}
    run = run_agent(
        tmp_path,
        best_of(agents, judge, n=3),
        script,
        setup=f"#!/bin/sh\necho begun > /workspace/base; echo 0 > /tmp/n; echo '{work}' > /tmp/work.sh\n",
        show="cd /workspace && cat base && ls",
        volumes=list(volumes.values()),
    )
    assert run.seen.split() == ["begun", "1", "base", "made-1", "seen-1"]
    assert run.sample.output.completion == seen[1].state.output.completion == "Done."
    assert run.info["agent"] == "claude_code"
    assert [each.error for each in seen] == [None] * 3
    assert [sorted(each.files) for each in seen] == [["base", f"made-{n}", f"seen-{n}"] for n in range(3)]
    assert seen[2].files["seen-2"].text == "base\nseen-2\n"
    assert sorted(output_files(run.sample)) == ["base", "made-1", "seen-1"]
    spans = [event.name for event in run.sample.events if isinstance(event, SpanBeginEvent)]
    assert [name for name in spans if name.startswith("candidate")] == ["candidate 1", "candidate 2", "candidate 3"]


def test_candidates_that_fail(tmp_path: Path) -> None:
    """A failed or limited one is a candidate with an error; when all have failed, the first error is raised."""
    seen: list[Candidate] = []

    @agent
    def one(what: str) -> Agent:
        async def execute(state: AgentState) -> AgentState:
            assert store().get("mine") is None
            store().set("mine", what)
            await sh(f"echo {what} >> /workspace/base")
            if what == "fails":
                raise AgentError("It failed.")
            if what == "talks":
                while True:
                    state.messages.append(state.messages[-1].model_copy(update={"id": None}))
                    from inspect_ai.model import get_model

                    state.output = await get_model().generate(state.messages)
            return state

        return execute

    async def judge(candidates: list[Candidate]) -> int:
        seen.extend(candidates)
        return 2

    @solver
    def drive() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            begun = AgentState(messages=list(state.messages))
            agents = [one("fails"), one("talks"), one("works")]
            await best_of(agents, judge, limits=[message_limit(5)])(begun)
            assert (await sh("cat /workspace/base")) == "works\n"
            assert store().get("mine") == "works"
            with pytest.raises(AgentError, match="It failed"):
                await best_of(one("fails"), judge, n=2)(begun)
            with pytest.raises(AgentOptionError, match="chose candidate"):
                await best_of(one("works"), judge, n=2)(begun)
            return state

        return solve

    script: list[ScriptStep] = [finish("x")] * 20
    run = run_agent(tmp_path, nobody(), script, solver=drive(), mount=False)
    assert run.error is None, run.error
    assert [type(each.error).__name__ for each in seen[:3]] == ["AgentError", "LimitExceededError", "NoneType"]
