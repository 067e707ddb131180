"""A table of agents and the ways to divert them. Each cell is a run of the real CLI with one way planted.

    python -m tests.e2e.diversions [AGENT...] [--only NAME,...]

A cell is "arrives" where the scripted model answered, its command ran and nothing reached the other server, or the
typed error that was raised before the CLI started. It ends with code 1 if a cell is neither.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from typing import Any

from inspect_ai import Task, eval
from inspect_ai.agent import as_solver
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalSample
from inspect_ai.util import ComposeConfig, SandboxEnvironmentSpec

import inspect_swe
from inspect_swe._agents import ROSTER
from inspect_swe._provide import image_service
from inspect_swe.conformance._diversions import DIVERSIONS, RECORD, Diversion, setup_script
from inspect_swe.conformance._task import cli_mounts
from inspect_swe.testing import ScriptStep, finish, scripted, shell

from .harness import prints

IMAGE = "inspect-swe-test:bookworm"
SCRIPT: list[ScriptStep] = [shell("echo WORKED > out"), finish("Done.")]


def cells(key: str, names: list[str]) -> dict[str, str]:
    """Play an agent's cells.

    Args:
        key: The agent.
        names: Parts of the names of the ways to play; none means all.
    """
    chosen = [way for way in DIVERSIONS if not way.agents or key in way.agents]
    ways = {way.name: way for way in chosen if not names or any(name in way.name for name in names)}
    mounts = cli_mounts(key, "stable", IMAGE)
    log = eval(
        Task(
            dataset=[_sample(way, mounts) for way in ways.values()],
            solver=as_solver(getattr(inspect_swe, key)()),
            scorer=prints(f"cat out; cat {RECORD}"),
            time_limit=150,
        ),
        model=scripted(SCRIPT),
        display="none",
        log_dir=tempfile.mkdtemp(),
        fail_on_error=False,
        max_samples=4,
    )[0]
    found = {str(sample.id): outcome(sample, ways[str(sample.id)]) for sample in log.samples or []}
    return {name: found.get(name, "LOST") for name in ways}


def outcome(sample: EvalSample, way: Diversion) -> str:
    """What a cell says: in capitals what it must not be."""
    if sample.error is not None:
        said = sample.error.message.replace("\n", " ")
        typed = way.error is not None and way.error.replace("./", "/workspace/") in said and "past Inspect" in said
        return "RoutingError" if typed else f"ERROR {said[:200]} ... {said[-300:]}"
    seen = next(iter((sample.scores or {}).values())).answer
    right = seen == "WORKED\n" and sample.output.completion.strip() == "Done." and way.error is None
    return "arrives" if right else f"DIVERTED {seen!r} {sample.output.completion!r} {sample.limit}"


def _sample(way: Diversion, mounts: list[Any]) -> Sample:
    service = image_service(IMAGE, True, volumes=mounts, environment=dict(way.env))
    sandbox = SandboxEnvironmentSpec("lean_test", ComposeConfig(services={"default": service}))
    return Sample(id=way.name, input="Do it.", setup=setup_script([way]), sandbox=sandbox)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agents", nargs="*", default=[adapter.key for adapter in ROSTER])
    parser.add_argument("--only", default="", help="parts of the names of ways, with commas between them")
    options = parser.parse_args()
    failed = False
    for key in options.agents:
        for name, said in cells(key, list(filter(None, options.only.split(",")))).items():
            failed |= said[:5].isupper()
            print(f"{key:16} {name:28} {said}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
