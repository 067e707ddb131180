"""inspect-harbor: a Harbor task solved by `--solver inspect_swe/claude_code`."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai import eval
from inspect_ai.agent import as_solver
from inspect_ai.util import registry_create
from inspect_harbor import harbor

from inspect_swe.testing import say, scripted, shell

CONFIG = """
version = "1.0"
[environment]
docker_image = "inspect-swe-test:bookworm"
network_mode = "no-network"
"""
TEST = """#!/bin/sh
mkdir -p /logs/verifier
grep -qx done /tmp/out.txt && echo 1 >/logs/verifier/reward.txt
"""
FILES = {
    "task.toml": CONFIG,
    "instruction.md": "Write the word done to /tmp/out.txt.\n",
    "environment/Dockerfile": "FROM inspect-swe-test:bookworm\n",
    "tests/test.sh": TEST,
}


@pytest.mark.docker
def test_a_task(tmp_path: Path) -> None:
    folder = tmp_path / "write-a-word"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (log,) = eval(
        harbor(path=str(folder)),
        solver=as_solver(registry_create("agent", "inspect_swe/claude_code")),
        model=scripted([shell("echo done > /tmp/out.txt"), say("Written.")]),
        log_dir=str(tmp_path / "logs"),
        display="none",
    )
    assert log.status == "success" and log.samples, log.error
    assert next(iter((log.samples[0].scores or {}).values())).as_float() == 1
