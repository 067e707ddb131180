"""The matrix of agents and faults: runs faults.py, and compares what Inspect's log says with what must come of each.

    python evals/fault_matrix.py
    python evals/fault_matrix.py --agents codex_cli,opencode --faults provider_529,killed_once
    python evals/fault_matrix.py --logs logs/2026-01-01.eval --markdown

A cell is right if the sample ended as it must, with a score if and only if it is without an error, its conversation
kept, no process left in its container, and, where the sandbox died, within 30 s and with the reason. In the end no
task, thread or child process may be left on this host. Exit code 1 if anything is wrong.
"""

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil  # type: ignore[import-untyped]
from inspect_ai import eval_async
from inspect_ai.log import EvalError, EvalLog, EvalSample, list_eval_logs, read_eval_log
from inspect_ai.scorer import CORRECT
from rich.box import MARKDOWN
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fault_samples import FAULTS, Fault, processes
from faults import faults
from inspect_swe._agents import ROSTER

HERE = Path(__file__).parent
AGENTS = [adapter.key for adapter in ROSTER]
HEADS = ["agent", "fault", "status", "error", "limit", "score", "messages", "left", "seconds", "as it must be"]


@dataclass(frozen=True)
class Cell:
    """What came of a fault.

    Args:
        agent: The agent.
        fault: The fault.
        status: What the log says of the sample: "success" or "error"; "lost" where no log could be finished.
        error: Type of its error.
        limit: Type of its limit.
        score: Its score.
        messages: How many messages were kept.
        left: Processes that were left in its container.
        seconds: From the harm (else from the agent's start) to the agent's end.
        wrong: What is not as it must be.
    """

    agent: str
    fault: str
    status: str
    error: str = ""
    limit: str = ""
    score: str = ""
    messages: int = 0
    left: tuple[str, ...] = ()
    seconds: float = 0
    wrong: tuple[str, ...] = ()

    @property
    def shown(self) -> list[str]:
        """A row of the table."""
        wrong = "; ".join(self.wrong) or "yes"
        figures = [str(self.messages), str(len(self.left)), f"{self.seconds:.1f}"]
        return [self.agent, self.fault, self.status, self.error, self.limit, self.score or "none", *figures, wrong]


def cells(log: EvalLog) -> list[Cell]:
    """What a log of faults.py says."""
    return [_cell(sample) for sample in log.samples or []]


def _cell(sample: EvalSample) -> Cell:
    agent, name = str(sample.id).split("/")
    scores = [str(score.value) for score in (sample.scores or {}).values()]
    cell = Cell(
        agent,
        name,
        "error" if sample.error else "success",
        _error_type(sample.error) if sample.error else "",
        sample.limit.type if sample.limit else "",
        ", ".join(scores),
        len(sample.messages),
        tuple(sample.store.get("left") or ()),
        sample.store.get("seconds") or 0,
    )
    return Cell(**{**vars(cell), "wrong": tuple(_wrong(FAULTS[name], cell, sample))})


def _error_type(error: EvalError) -> str:
    """The name of the exception's class, which Inspect's message has for some, and the traceback's end for all."""
    first = re.escape((error.message.splitlines() or [""])[0])
    named = re.findall(r"^(\w+)\(", error.message)
    named = named or re.findall(rf"^(?:\w+\.)*(\w+): {first}", error.traceback, re.MULTILINE)
    return named[-1] if named else "?"


def _wrong(fault: Fault, cell: Cell, sample: EvalSample) -> list[str]:
    ends = cell.error or (cell.limit and f"limit: {cell.limit}") or "done"
    must = [fault.ends] if isinstance(fault.ends, str) else fault.ends
    said = sample.error.message if sample.error else ""
    worked = any("WORKED" in message.text for message in sample.messages if message.role == "tool")
    right = cell.score == CORRECT
    checks = [
        (ends in must, f"it ended with {ends}"),
        (bool(cell.score) != bool(cell.error), "an error is scored" if cell.error else "it is not scored"),
        (cell.error or right == fault.answers, f"it is scored {'as right' if right else 'as wrong'}"),
        (not sample.store.get("unhurt"), "Docker did not do it harm"),
        (fault.says in said, f"the error does not say {fault.says!r}: {said}"),
        (worked or not fault.works, "the conversation was lost"),
        (not cell.left, f"left running: {', '.join(cell.left)}"),
        (fault.hurts is None or cell.seconds <= fault.within, f"it took {cell.seconds:.0f} s"),
    ]
    return [text for holds, text in checks if not holds]


def host_killed(agent: str) -> Cell:
    """Kills the process of an eval while its agent works, and looks into the container, which outlives it."""
    name = uuid4().hex[:10]
    program = (
        "import sys; from inspect_ai import eval, task_with; from faults import faults\n"
        f"eval(task_with(faults({agent!r}, 'host_killed'), name={name!r}), log_dir=sys.argv[1], display='none')"
    )
    with tempfile.TemporaryDirectory() as folder:
        host = subprocess.Popen([sys.executable, "-c", program, folder], cwd=HERE, stdout=subprocess.DEVNULL)
        try:
            _wait(lambda: bool(_containers(name)), 120)
            (container,) = _containers(name)
            wanted = {"sleep 4712", "sleep 4713", "sleep 4714"}
            begun = _wait(lambda: wanted <= set(_processes(container)), 120)
            host.send_signal(signal.SIGKILL)
            killed = time.monotonic()
            _wait(lambda: not _processes(container), 60)
            seconds = time.monotonic() - killed
            left = tuple(_processes(container))
            idle = subprocess.run(["docker", "top", container], capture_output=True, text=True, check=True).stdout
            status = read_eval_log(list_eval_logs(folder)[0], header_only=True).status
        finally:
            host.kill()
            host.wait()
            subprocess.run(["docker", "rm", "-f", *_containers(name)], capture_output=True, check=False)
    wrong = [
        *(["the agent had not begun"] if not begun else []),
        *(["the container itself is gone"] if "tail -f /dev/null" not in idle else []),
        *([f"left running: {', '.join(left)}"] if left else []),
        *([f"the eval's log says {status!r}"] if status != "started" else []),
    ]
    return Cell(agent, "host_killed", "lost", left=left, seconds=seconds, wrong=tuple(wrong))


def _containers(task: str) -> list[str]:
    listed = ["docker", "ps", "--format", "{{.Names}}", "--filter", f"name=inspect-{task}-"]
    return subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()


def _processes(container: str) -> list[str]:
    return asyncio.run(processes(container))


def _wait(what: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not (holds := what()) and time.monotonic() < until:
        time.sleep(0.1)
    return holds


async def _run(agents: Sequence[str], names: Sequence[str], max_samples: int) -> tuple[list[EvalLog], list[str]]:
    """Evaluate; returns the logs, and what is left on the host."""
    logs = await eval_async(faults([*agents], [*names]), max_samples=max_samples, time_limit=600)
    await asyncio.sleep(1)
    tasks = [str(task.get_coro()) for task in asyncio.all_tasks() - {asyncio.current_task()}]
    threads = [one.name for one in threading.enumerate() if not one.daemon and one is not threading.main_thread()]
    children = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    return logs, [*tasks, *(name for name in threads if not name.startswith(("asyncio_", "AnyIO"))), *children]


def show(found: Sequence[Cell], markdown: bool) -> None:
    """Print the table."""
    table = Table(box=MARKDOWN if markdown else None, pad_edge=markdown)
    for head in HEADS:
        table.add_column(head, no_wrap=head != HEADS[-1])
    for cell in sorted(found, key=lambda cell: ([*FAULTS].index(cell.fault), cell.agent)):
        table.add_row(*map(escape, cell.shown))
    Console(width=None if sys.stdout.isatty() else 1000).print(table)


def main() -> int:
    """Run what was asked for; 0 if all is as it must be."""
    parser = argparse.ArgumentParser(description="The matrix of agents and faults.")
    parser.add_argument("--agents", type=lambda text: text.split(","), default=AGENTS, metavar="A,B")
    parser.add_argument("--faults", type=lambda text: text.split(","), default=[*FAULTS], metavar="X,Y")
    parser.add_argument("--logs", nargs="+", help="show these logs instead of running anything")
    parser.add_argument("--max-samples", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    left: list[str] = []
    if asked.logs:
        logs = [read_eval_log(path) for path in asked.logs]
    else:
        names = [name for name in asked.faults if not FAULTS[name].apart]
        logs, left = asyncio.run(_run(asked.agents, names, asked.max_samples)) if names else ([], [])
    found = [cell for log in logs for cell in cells(log)]
    if "host_killed" in asked.faults and not asked.logs:
        found += [host_killed(agent) for agent in asked.agents]
    show(found, asked.markdown)
    right = sum(not cell.wrong for cell in found)
    said = [f"{right} of {len(found)} cells are as they must be.", *(f"Left on the host: {what}" for what in left)]
    Console().print(*said, sep="\n", markup=False)
    return 0 if right == len(found) and not left else 1


if __name__ == "__main__":
    sys.exit(main())
