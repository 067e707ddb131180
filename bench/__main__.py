"""`python -m bench`: measures this package beside the peer and prints a table. See docs/dev/benchmarks.md."""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import engine, sides
from .metrics import METRICS, SIDES, job_for, plan, rows
from .report import print_table, write_json
from .workload import Job, Result

_REPETITIONS = {"ours": 5, "peer": 3, "floor": 5}
_QUICK = {"ours": 2, "peer": 1, "floor": 2}


def main() -> int:
    """Run the benchmarks; 0 unless a measurement failed."""
    arguments = _parse()
    failures: list[str] = []
    results: dict[str, dict[str, list[Result]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            context = _prepare(Path(folder), arguments.only)
            _measure(arguments, context, results, failures)
        finally:
            engine.remove_containers()
    facts = _facts(results)
    table = rows(results, arguments.only)
    print_table(table, facts, failures)
    if arguments.json:
        write_json(arguments.json, table, results, facts, failures)
    return 1 if failures else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Benchmarks beside the peer, in one run.")
    parser.add_argument("--only", type=_metrics, default=frozenset(METRICS), metavar="A,B", help=", ".join(METRICS))
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON as well")
    return parser.parse_args()


def _metrics(text: str) -> frozenset[str]:
    chosen = frozenset(text.split(","))
    if unknown := chosen - set(METRICS):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}; there are {', '.join(METRICS)}")
    return chosen


def _prepare(folder: Path, only: frozenset[str]) -> Job:
    """What all jobs share."""
    stored = engine.cli_binary()
    engine.prepare_image(stored)
    with stored.binary.open("rb") as binary:  # into the page cache, so that nobody pays for reading it first
        while binary.read(1 << 24):
            pass
    images = {"plain": engine.BASE_IMAGE, "cli": engine.CLI_IMAGE}
    compose = {name: engine.compose_file(folder, image) for name, image in images.items()}
    compose["mounted"] = engine.mounted(compose["plain"])
    if "acp" in only:
        compose["acp"] = engine.mounted_interactive(compose["plain"])
    return {
        "compose": compose,
        "binary": str(stored.binary),
        "gemini_version": engine.gemini_version() if "acp" in only else None,
        "log_dir": str(folder / "logs"),
    }


def _measure(
    arguments: argparse.Namespace,
    context: Job,
    results: dict[str, dict[str, list[Result]]],
    failures: list[str],
) -> None:
    """Do every job on every side in turn: ours, peer, floor, ours, peer, floor, ..."""
    repetitions = _QUICK if arguments.quick else _REPETITIONS
    doers: dict[str, sides.Side] = {"ours": sides.ours(), "peer": sides.peer(), "floor": sides.floor}
    for name, (job, who) in plan(arguments.only).items():
        done = results.setdefault(name, {side: [] for side in who})
        for number in range(max(repetitions.values())):
            for side in SIDES:
                if side not in who or number >= repetitions[side]:
                    continue
                own = {**context, **job_for(job, side), "compose": context["compose"][job["image"]]}
                load = os.getloadavg()[0]
                print(f"{name}, {side} {number + 1}/{repetitions[side]}, load {load:.1f}", file=sys.stderr)
                try:
                    done[side].append({**doers[side](own), "load": load})
                except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as ex:
                    failures.append(f"{name}, {side} {number + 1}: {type(ex).__name__}: {ex}")
                    print(failures[-1], file=sys.stderr)


def _facts(results: dict[str, dict[str, list[Result]]]) -> dict[str, Any]:
    versions = {
        side: result["versions"] for done in results.values() for side in SIDES[:2] for result in done.get(side, [])[:1]
    }
    facts: dict[str, Any] = {"date": datetime.date.today().isoformat()}
    for side, found in versions.items():
        facts |= {f"{side}:": " on ".join(f"{name} {number}" for name, number in found.items())}
    loads = [result["load"] for done in results.values() for found in done.values() for result in found]
    if loads:
        facts["load (1 min) before each measurement"] = f"{min(loads):.1f}..{max(loads):.1f}"
    facts |= {"cores": os.cpu_count(), "docker": engine.docker("version", "--format", "{{.Server.Version}}")}
    return facts


if __name__ == "__main__":
    sys.exit(main())
