"""What many samples at once, many turns in a sample and many evals in a process cost the host, and what they leave.

    python -m bench.endurance load --samples 40 --at-once 16 --agent codex_cli
    python -m bench.endurance turns --turns 200 --agent codex_cli
    python -m bench.endurance mixed --minutes 30

The CLIs are the real ones in containers of Inspect's own provider, without a network; the model is scripted. Exit code
1 if a sample was not scored as right, if anything is left, or if something grew beyond its bound.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from inspect_ai import Task, eval_async
from inspect_ai.agent import as_solver
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput
from inspect_ai.scorer import includes
from inspect_ai.tool import ToolChoice, ToolInfo

import inspect_swe
from inspect_swe import with_agents
from inspect_swe._agents import ROSTER
from inspect_swe.testing import ScriptStep, fail, finish, scripted, shell

IMAGE = "inspect-swe-test:bookworm"
TASK = "endurance"
MOST_MEMORY = {"load": 40.0, "turns": 0.5, "mixed": 0.5}
"""MB: for each sample at work, for each turn, and for each sample that has been."""


@dataclass(frozen=True)
class Usage:
    """What this process holds: MB of memory, file descriptors, threads, tasks, child processes."""

    memory: float
    descriptors: int
    tracker: int
    tasks: int
    children: int

    @classmethod
    def now(cls) -> Usage:
        """As it is."""
        process = psutil.Process()
        try:
            tasks = len(asyncio.all_tasks())
        except RuntimeError:  # another thread asks
            tasks = 0
        return cls(
            process.memory_info().rss / 1e6,
            process.num_fds(),
            process.num_threads(),
            tasks,
            len(process.children(recursive=True)),
        )


def task(agents: Sequence[str], samples: int, script: Sequence[ScriptStep], name: str, **options: Any) -> list[Task]:
    """A task for each agent."""
    service = {"image": IMAGE, "x-local": True, "init": True, "command": "tail -f /dev/null", "network_mode": "none"}
    folder = Path(tempfile.mkdtemp())
    file = folder / "compose.yaml"
    file.write_text(json.dumps({"services": {"default": {**service, "stop_grace_period": "1s"}}}))
    return [
        Task(
            name=f"{TASK}_{key}",
            dataset=[Sample(input="Do what the script says.", target="Done.") for _ in range(samples)],
            solver=as_solver(getattr(inspect_swe, key)(**options)),
            scorer=includes(),
            sandbox=with_agents(str(file), [key]),
            model=scripted(script, name=name, max_requests=1),  # else it would keep all of them
        )
        for key in agents
    ]


async def run(tasks: Sequence[Task], at_once: int) -> list[EvalLog]:
    """Evaluate."""
    folder = tempfile.mkdtemp()
    return await eval_async(
        [*tasks],
        log_dir=folder,
        max_tasks=len(tasks),
        max_samples=at_once,
        max_sandboxes=at_once,
        fail_on_error=False,
        time_limit=900,
    )


@contextmanager
def watched(seen: list[Usage]) -> Iterator[None]:
    """Note the usage five times a second."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            seen.append(Usage.now())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def outcome(logs: Sequence[EvalLog]) -> dict[str, int]:
    """How many samples there were, and how many were right, in error or ended by a limit."""
    samples = [sample for log in logs for sample in log.samples or []]
    right = [s for s in samples if s.scores and all(score.value == "C" for score in s.scores.values())]
    return {
        "samples": len(samples),
        "right": len(right),
        "errors": sum(sample.error is not None for sample in samples),
        "limits": sum(sample.limit is not None for sample in samples),
        "containers_left": len(containers()),
    }


def containers() -> list[str]:
    """Containers of these tasks, in whatever state."""
    listed = ["docker", "ps", "--all", "--quiet", "--filter", f"name=inspect-{TASK}"]
    return subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()


async def settled() -> Usage:
    """What is held when nothing runs."""
    await asyncio.sleep(2)
    gc.collect()
    return Usage.now()


async def load(arguments: argparse.Namespace) -> dict[str, Any]:
    """Many samples at once."""
    script: list[ScriptStep] = [*[shell(f"echo {n}; sleep 0.2") for n in range(8)], finish("Done.")]
    await run(task([arguments.agent], 1, script, "warm"), 1)
    before, seen = await settled(), list[Usage]()
    began = time.monotonic()
    with watched(seen):
        logs = await run(task([arguments.agent], arguments.samples, script, "load"), arguments.at_once)
    seconds = time.monotonic() - began
    after = await settled()
    peak = max(usage.memory for usage in seen) - before.memory
    return {
        **outcome(logs),
        "seconds": seconds,
        "peak_mb": peak,
        "peak_mb_per_sample_at_work": peak / arguments.at_once,
        "measure": peak / arguments.at_once,
        "before": before,
        "after": after,
    }


async def turns(arguments: argparse.Namespace) -> dict[str, Any]:
    """Many turns in one sample."""
    seen: list[Usage] = []

    async def note(
        model: Model,
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        choice: ToolChoice | None,
        config: GenerateConfig,
    ) -> ModelOutput | None:
        seen.append(Usage.now())
        return None

    script: list[ScriptStep] = [*[shell(f"seq {n} {n + 200}") for n in range(arguments.turns)], finish("Done.")]
    logs = await run(task([arguments.agent], 1, script, "turns", filter=note), 1)
    early, late = seen[len(seen) // 10], seen[-1]
    growth = (late.memory - early.memory) / (len(seen) * 0.9)
    return {**outcome(logs), "requests": len(seen), "measure": growth, "before": early, "after": late}


async def mixed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Rounds of samples of all agents, some of which fail, in one process."""
    agents = [adapter.key for adapter in ROSTER]
    good: list[ScriptStep] = [shell("echo one"), shell("echo two > out.txt"), finish("Done.")]
    scripts: list[list[ScriptStep]] = [
        good,
        [shell("echo one"), *[fail(400, "no")] * 50],
        [shell("kill -9 $PPID"), *good],
    ]
    until, seen, totals, round_ = time.monotonic() + arguments.minutes * 60, list[Usage](), dict[str, int](), 0
    while time.monotonic() < until:
        logs = await run(task(agents, 2, scripts[round_ % 3], f"mixed{round_ % 3}"), 6)
        came = outcome(logs)
        came["unexpected"] = came["samples"] - came["errors" if round_ % 3 == 1 else "right"]
        for name, number in came.items():
            totals[name] = totals.get(name, 0) + number
        seen.append(await settled())
        print(f"round {round_}: {asdict(seen[-1])}", file=sys.stderr)
        round_ += 1
    early, late = seen[min(3, len(seen) - 1)], seen[-1]
    later = max(len(seen) - 4, 1) * 2 * len(agents)
    return {**totals, "rounds": round_, "measure": (late.memory - early.memory) / later, "before": early, "after": late}


KINDS: dict[str, Callable[[argparse.Namespace], Any]] = {"load": load, "turns": turns, "mixed": mixed}


def wrong(kind: str, found: dict[str, Any]) -> list[str]:
    """What is not as it must be."""
    before, after = found["before"], found["after"]
    checks = [
        (not found.get("unexpected", found["samples"] - found["right"]), "samples ended as they must not"),
        (found["containers_left"] == 0, "containers are left"),
        (found["measure"] <= MOST_MEMORY[kind], f"memory: {found['measure']:.2f} MB exceed {MOST_MEMORY[kind]}"),
        (after.descriptors <= before.descriptors + 8, f"descriptors: {before.descriptors}, then {after.descriptors}"),
        (after.tracker <= before.tracker + 8, f"threads: {before.threads}, then {after.threads}"),
        (after.tasks <= before.tasks + 1, f"tasks: {before.tasks}, then {after.tasks}"),
        (kind == "turns" or after.children == 0, f"child processes: {after.children}"),
    ]
    return [text for holds, text in checks if not holds]


def main() -> int:
    """Measure, and print what was found as JSON."""
    parser = argparse.ArgumentParser(prog="bench.endurance", description=__doc__)
    parser.add_argument("kind", choices=[*KINDS])
    parser.add_argument("--agent", default="codex_cli", choices=[adapter.key for adapter in ROSTER])
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=30)
    arguments = parser.parse_args()
    os.environ.setdefault("INSPECT_DISPLAY", "none")
    found = asyncio.run(KINDS[arguments.kind](arguments))
    problems = wrong(arguments.kind, found)
    shown = {name: asdict(value) if isinstance(value, Usage) else value for name, value in found.items()}
    print(json.dumps({"kind": arguments.kind, "agent": arguments.agent, **shown, "wrong": problems}, indent=2))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
