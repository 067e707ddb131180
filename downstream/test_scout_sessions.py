"""inspect-scout: reads a session of Claude Code that was saved in one of our logs."""

from __future__ import annotations

import asyncio
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from inspect_ai.event import ModelEvent, ToolEvent
from inspect_scout import Transcript
from inspect_scout.sources import claude_code as sessions

from inspect_swe import claude_code
from inspect_swe._cli import main
from inspect_swe.testing import say, shell
from tests.e2e.harness import run_agent


async def transcripts(folder: Path) -> list[Transcript]:
    """Return what Scout reads in a folder."""
    return [transcript async for transcript in sessions(path=str(folder))]


@pytest.mark.docker
def test_a_saved_session(tmp_path: Path) -> None:
    run = run_agent(tmp_path, claude_code(keep_session=True), [shell("echo WALRUS"), say("It said so.")])
    assert run.error is None, run.error
    exported = tmp_path / "exported"
    done = CliRunner().invoke(main, ["export", run.log.location, "--to", "native", "--out", str(exported)])
    assert done.exit_code == 0, done.output
    for archive in exported.rglob("*.tgz"):
        with tarfile.open(archive) as content:
            content.extractall(exported, filter="data")
    (transcript,) = asyncio.run(transcripts(exported))
    assert [message.role for message in transcript.messages] == ["user", "assistant", "tool", "assistant"]
    assert any("WALRUS" in message.text for message in transcript.messages)
    assert len([event for event in transcript.events if isinstance(event, ModelEvent)]) == 2
    (ran,) = (event for event in transcript.events if isinstance(event, ToolEvent))
    assert ran.function == "Bash"
