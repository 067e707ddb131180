"""What of an agent is in a checkpoint, and how it goes on from one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal, cast

import anyio
import pytest
from inspect_ai.agent import AgentState
from inspect_ai.util import Checkpointer, ResumeReport

from inspect_swe import SessionRestoreError
from inspect_swe._agents.claude_code.agent import ClaudeCode
from inspect_swe._contract.conversation import ResumePoint
from inspect_swe._contract.options import agent_options
from inspect_swe._runtime.checkpoints import GO_ON, Checkpoints, Point
from inspect_swe._runtime.conversation import prepare_conversation
from inspect_swe._sandbox.workspace import Workspace


@dataclass
class Inspect:
    """Inspect's part: hands back what an earlier run has saved."""

    attempt: Literal["initial", "resume", "resume_for_scoring"] = "initial"
    saved: dict[str, Any] = field(default_factory=dict)
    restored: ResumeReport | None = None
    tracked: dict[str, Callable[[], Any]] = field(default_factory=dict)

    def track(self, key: str, callback: Callable[[], Any], initial_value: Any, *, value_type: Any = None) -> Any:
        self.tracked[key] = callback
        return self.saved.get(key, initial_value)


def points(inspect: Inspect) -> Checkpoints:
    return Checkpoints(cast(Checkpointer, inspect))


def begin(of: Checkpoints, start: ResumePoint, there: bool = True) -> ResumePoint:
    async def shell(script: str, *arguments: str) -> Any:
        return SimpleNamespace(code=0 if there else 1)

    probe = SimpleNamespace(home="/root", token="abc", scratch="/tmp/abc")
    workspace = cast(Workspace, SimpleNamespace(shell=shell, probe=probe))
    return anyio.run(prepare_conversation, ClaudeCode(), OPTIONS, workspace, None, start, of)


OPTIONS = agent_options(name="n", description="d")
POINT = Point(session_id="id-1", config="/root/.inspect_swe/old", system="SYSTEM", attempts=2)


def test_a_new_conversation_lies_where_checkpoints_hold_it() -> None:
    started = begin(points(Inspect()), ResumePoint("SYSTEM", "id-1"))
    assert started == ResumePoint("SYSTEM", "id-1", "/root/.inspect_swe/abc")


def test_a_conversation_that_goes_on_stays_where_it_is() -> None:
    start = ResumePoint("SYSTEM", "id-1", "/tmp/elsewhere")
    assert begin(points(Inspect()), start) == start


def test_a_resumed_one_is_the_checkpoints() -> None:
    inspect = Inspect("resume", {"inspect_swe": POINT})
    resumed = points(inspect)
    assert resumed.resumes
    assert begin(resumed, ResumePoint("OTHER")) == ResumePoint("SYSTEM", "id-1", "/root/.inspect_swe/old")
    assert inspect.tracked["inspect_swe"]() == POINT
    with pytest.raises(SessionRestoreError, match=r"/root/\.inspect_swe/old is missing"):
        begin(resumed, ResumePoint("OTHER"), there=False)


def test_a_checkpoint_holds_where_the_session_is_by_then() -> None:
    inspect = Inspect("resume", {"inspect_swe": POINT})
    site = SimpleNamespace(config="/root/.inspect_swe/old", system="SYSTEM", session_id="id-1")
    session: Any = SimpleNamespace(context=site, session_id="told", attempts=0, resumes=False)
    points(inspect).watch(session)
    assert (session.resumes, session.attempts) == (True, 2)
    session.attempts = 3
    assert inspect.tracked["inspect_swe"]() == Point(
        session_id="told", config="/root/.inspect_swe/old", system="SYSTEM", attempts=3
    )


@pytest.mark.parametrize(
    ("report", "prompt"),
    [
        (None, GO_ON),
        (ResumeReport(message="The clock is new."), f"The clock is new.\n\n{GO_ON}"),
        (ResumeReport(message="Hidden.", transparent=True), GO_ON),
    ],
)
def test_the_prompt_of_a_resumed_agent(report: ResumeReport | None, prompt: str) -> None:
    assert points(Inspect("resume", restored=report)).prompt == prompt


def test_a_sample_that_is_only_scored() -> None:
    saved = {"bridge_messages": [], "bridge_output": AgentState(messages=[]).output}
    finished = points(Inspect("resume_for_scoring", saved))
    assert finished.is_done and not finished.resumes
    assert finished.restored(AgentState(messages=[])).messages == []
