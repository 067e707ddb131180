"""`python -m bench.faults_peer`: the matrix of faults (evals/fault_matrix.py) with the peer's agents.

The same faults, the same container with the same CLIs (ours, mounted, and on PATH), the same scripted model. What a
sample has not ended 180 s after its start is ended by Inspect's time limit, and called stuck.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace

from inspect_ai.log import list_eval_logs, read_eval_log

from .sides import ROOT, peer_python

sys.path.insert(0, str(ROOT / "evals"))

import fault_matrix
from fault_samples import FAULTS
from swe_evals import container_with

PATIENCE = 180
AGENTS = ["claude_code", "codex_cli"]


def main() -> None:
    """Run the peer's samples, one after another in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(prog="bench.faults_peer", description="The matrix of faults, with the peer.")
    parser.add_argument("--agents", type=lambda text: text.split(","), default=AGENTS, metavar="A,B")
    names = [name for name in FAULTS if not FAULTS[name].apart]
    parser.add_argument("--faults", type=lambda text: text.split(","), default=names, metavar="X,Y")
    parser.add_argument("--at-once", type=int, default=1, help="samples; each of them keeps a processor busy")
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    config = container_with(*asked.agents, environment={}).config  # with a change it is a value, and no file
    job = {
        "agents": asked.agents,
        "faults": asked.faults,
        "compose": config.model_dump(mode="json", by_alias=True, exclude_none=True),
        "patience": PATIENCE,
        "at_once": asked.at_once,
    }
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    with tempfile.TemporaryDirectory(prefix="faults-peer-") as folder:
        command = [peer_python(), "-m", "bench.peer_faults", json.dumps({**job, "log_dir": folder})]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        found = [cell for log in list_eval_logs(folder) for cell in fault_matrix.cells(read_eval_log(log))]
    fault_matrix.show([_named(cell) for cell in found], asked.markdown)


def _named(cell: fault_matrix.Cell) -> fault_matrix.Cell:
    stuck = cell.limit == "time" and cell.seconds >= PATIENCE - 5
    return replace(cell, status="stuck" if stuck else cell.status)


if __name__ == "__main__":
    main()
