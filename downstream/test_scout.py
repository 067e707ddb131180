"""inspect-scout: scans the logs of our evals."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_scout import grep_scanner, scan, scan_results_df, transcripts_from

from inspect_swe import claude_code
from inspect_swe.testing import say, shell
from tests.e2e.harness import run_agent


@pytest.mark.docker
def test_a_scan_of_our_log(tmp_path: Path) -> None:
    run = run_agent(tmp_path, claude_code(), [shell("echo SECRET-WORD"), say("I said it.")])
    assert run.error is None, run.error
    status = scan(
        scanners=[grep_scanner("SECRET-WORD")],
        transcripts=transcripts_from(str(tmp_path / "logs")),
        scans=str(tmp_path / "scans"),
        display="none",
    )
    assert status.complete and not status.errors
    (frame,) = scan_results_df(status.location).scanners.values()
    assert len(frame) == 1 and int(frame["value"].iloc[0]) > 0
