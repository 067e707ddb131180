"""What is measured: the jobs behind each metric, and the rows made of their results."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .workload import Job, Result

METRICS = ("latency", "sample", "install", "mount", "processes", "floor", "acp")
SIDES = ("ours", "peer", "floor")
CALLS = (2, 21)
CONTAINERS = (1, 4, 8)
TALKERS = {"gemini_cli": "Gemini CLI", "claude_code": "Claude Code"}

_JOBS: dict[str, Job] = {
    "latency": {"kind": "latency", "image": "plain", "clients": 16, "timeout": 300},
    **{f"sample-{n}": {"kind": "sample", "image": "cli", "calls": n, "timeout": 300} for n in CALLS},
    **{f"install-{n}": {"kind": "install", "image": "plain", "containers": n, "timeout": 600} for n in CONTAINERS},
    **{f"mount-{n}": {"kind": "mount", "image": "mounted", "containers": n, "timeout": 600} for n in CONTAINERS},
    **{f"acp-{key}": {"kind": "acp", "image": "acp", "agent": key, "timeout": 1500} for key in TALKERS},
    "acp-events": {"kind": "acp_events", "image": "acp", "events": 20, "pause": 0.47, "timeout": 600},
}

_WHO = {"latency": SIDES[:2], "install": SIDES, "mount": SIDES[:1], "acp": SIDES[:2], "acp_events": SIDES[:2]}
_OF = {"acp_events": "acp"}
"""The metric to which a kind of job belongs, where it isn't that of the same name."""


def plan(only: frozenset[str]) -> dict[str, tuple[Job, tuple[str, ...]]]:
    """The jobs that the chosen metrics need, and the sides that do them."""
    chosen: dict[str, tuple[Job, tuple[str, ...]]] = {}
    for name, job in _JOBS.items():
        kind = job["kind"]
        if kind == "sample" and only & {"sample", "processes", "floor"}:
            chosen[name] = job, SIDES if "floor" in only else SIDES[:2]
        elif _OF.get(kind, kind) in only:
            chosen[name] = job, _WHO[kind]
    return chosen


def job_for(job: Job, side: str) -> Job:
    """A side's own variant: the peer takes 2 s a call, so it makes fewer of them one after the other."""
    own: dict[str, Job] = {
        "latency": {"sequential": 5 if side == "peer" else 20},
        "acp": {"text": 3, "tool": 2, "cancel": 1} if side == "peer" else {"text": 5, "tool": 5, "cancel": 3},
    }
    return {**job, **own.get(job["kind"], {})}


@dataclass(frozen=True)
class Target:
    """What ours shall reach.

    Args:
        text: For people.
        met: From our median and that of the side beside it.
        beside: The side that it compares with, if it does.
    """

    text: str
    met: Callable[[float, float], bool]
    beside: str | None = None


def at_most_a(fraction: int) -> Target:
    return Target(f"≤ 1/{fraction} of the peer", lambda ours, peer: ours * fraction <= peer, "peer")


def at_most_times(factor: float) -> Target:
    return Target(f"≤ {factor:g} x the floor", lambda ours, floor: ours <= factor * floor, "floor")


def at_most(limit: float, unit: str) -> Target:
    return Target(f"≤ {limit:g}{unit}", lambda ours, _: ours <= limit)


@dataclass
class Row:
    """One line of the table.

    Args:
        metric: Which metric it belongs to.
        label: What it is.
        unit: Of its values.
        values: For each side, a value per repetition.
        loads: The machine's load before each of them.
        target: What ours shall reach.
    """

    metric: str
    label: str
    unit: str
    values: dict[str, list[float]]
    loads: list[float]
    target: Target | None = None
    medians: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        self.medians = {side: statistics.median(values) for side, values in self.values.items() if values}

    @property
    def ratio(self) -> float | None:
        """How many times better ours is: the peer's median in ours, or the reverse where more is better."""
        ours, peer = self.medians.get("ours", 0.0), self.medians.get("peer", 0.0)
        if ours <= 0 or peer <= 0:
            return None
        return ours / peer if self.unit == "/s" else peer / ours

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one, or where a measurement is missing."""
        if self.target is None or not {"ours", self.target.beside or "ours"} <= self.medians.keys():
            return None
        return self.target.met(self.medians["ours"], self.medians.get(self.target.beside or "", 0.0))

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "metric": self.metric,
            "label": self.label,
            "unit": self.unit,
            "medians": self.medians,
            "values": self.values,
            "ratio": self.ratio,
            "target": self.target.text if self.target else None,
            "met": self.met,
        }


Results = Mapping[str, Mapping[str, list[Result]]]
"""Job, then side, then a result per repetition."""

Pick = Callable[[Result], float | None]


def rows(results: Results, only: frozenset[str]) -> list[Row]:
    """The table's lines."""
    made = [
        *_latency(results),
        *_samples(results),
        *_installs(results),
        *_mounts(results),
        *_processes(results),
        *_above_floor(results),
        *_talks(results),
        *_events(results),
    ]
    return [row for row in made if row.metric in only]


def _row(
    results: Results, job: str, metric: str, label: str, unit: str, pick: Pick, target: Target | None = None
) -> list[Row]:
    sides = results.get(job)
    if not sides:
        return []
    picked = {side: [pick(result) for result in done] for side, done in sides.items()}
    values = {side: [value for value in found if value is not None] for side, found in picked.items()}
    loads = [result["load"] for side, done in sides.items() for result in done if values[side]]
    return [Row(metric, label, unit, {side: found for side, found in values.items() if found}, loads, target)]


def _latency(results: Results) -> Iterator[Row]:
    def median(name: str) -> Pick:
        return lambda result: statistics.median(result[name]) * 1000

    label = "added latency of a model call"
    yield from _row(results, "latency", "latency", f"{label}, 1 client", " ms", median("sequential"), at_most_a(100))
    yield from _row(results, "latency", "latency", f"{label}, 16 clients", " ms", median("concurrent"), at_most_a(100))
    yield from _row(
        results, "latency", "latency", "model calls a second, 16 clients", "/s", lambda r: r["calls_per_second"]
    )


def _samples(results: Results) -> Iterator[Row]:
    for calls, fraction in zip(CALLS, (5, 12), strict=True):
        label = f"sample of {calls} calls"
        yield from _row(
            results, f"sample-{calls}", "sample", label, " s", lambda r: r["agent_seconds"], at_most_a(fraction)
        )
        wall: Pick = lambda r: r.get("eval_seconds")  # noqa: E731
        yield from _row(results, f"sample-{calls}", "sample", f"{label}: whole eval", " s", wall)


def _installs(results: Results) -> Iterator[Row]:
    for count in CONTAINERS:
        job, label = f"install-{count}", f"CLI into {count} container{'s' if count > 1 else ''}"
        yield from _row(results, job, "install", label, " s", lambda r: r["seconds"], at_most_times(1.3))
        memory: Pick = lambda r: r["peak_bytes"] / 1e6  # noqa: E731
        yield from _row(results, job, "install", f"{label}: peak host memory", " MB", memory, at_most(60, " MB"))
        stall: Pick = lambda r: r["stall_seconds"] * 1000 if "stall_seconds" in r else None  # noqa: E731
        yield from _row(results, job, "install", f"{label}: longest event-loop stall", " ms", stall, at_most(50, " ms"))


def _mounts(results: Results) -> Iterator[Row]:
    for count in CONTAINERS:
        job, label = f"mount-{count}", f"CLI mounted into {count} container{'s' if count > 1 else ''}"
        yield from _row(results, job, "mount", label, " s", lambda r: r["seconds"], at_most(0.1 * count, " s"))
        written: Pick = lambda r: float(r["written_bytes"])  # noqa: E731
        yield from _row(results, job, "mount", f"{label}: written there", " bytes", written, at_most(0, " bytes"))


def _processes(results: Results) -> Iterator[Row]:
    for calls in CALLS:
        label = f"host processes spawned, sample of {calls} calls"
        target = at_most(8, "")
        yield from _row(results, f"sample-{calls}", "processes", label, "", lambda r: r.get("processes"), target)


def _above_floor(results: Results) -> Iterator[Row]:
    """How much longer a sample takes than the raw CLI: repetition by repetition, as they were measured side by side."""
    for calls in CALLS:
        sides = results.get(f"sample-{calls}", {})
        floor = [result["agent_seconds"] for result in sides.get("floor", [])]
        if not floor:
            continue
        typical = statistics.median(floor)
        above = {
            side: [
                result["agent_seconds"] - (floor[number] if number < len(floor) else typical)
                for number, result in enumerate(sides.get(side, []))
            ]
            for side in SIDES[:2]
        }
        loads = [result["load"] for done in sides.values() for result in done]
        values = {side: found for side, found in above.items() if found}
        label = f"above the raw CLI ({typical:.2f} s), sample of {calls} calls"
        yield Row("floor", label, " s", values, loads, at_most(1.0, " s"))


def _talks(results: Results) -> Iterator[Row]:
    def one(name: str) -> Pick:
        return lambda result: float(result[name])

    def median(name: str, factor: float = 1) -> Pick:
        return lambda result: statistics.median(result[name]) * factor

    fifth = at_most_a(5)
    for key, label in TALKERS.items():
        picks: list[tuple[str, str, Pick, Target | None]] = [
            ("start to ready, new container", " s", one("first"), fifth),
            ("start to ready, started there before", " s", one("second"), fifth),
            ("prompt, answered with text", " s", median("text"), fifth),
            ("prompt, with a tool call", " s", median("tool"), fifth),
            ("cancel to the prompt's return", " s", median("cancel"), None),
            ("model's answer to its event", " ms", median("answer", 1000), None),
        ]
        for what, unit, pick, target in picks:
            yield from _row(results, f"acp-{key}", "acp", f"{label}: {what}", unit, pick, target)


def _events(results: Results) -> Iterator[Row]:
    median: Pick = lambda r: statistics.median(r["delays"]) * 1000  # noqa: E731
    longest: Pick = lambda r: max(r["delays"]) * 1000  # noqa: E731
    label = "event delay, from the agent's writing it"
    yield from _row(results, "acp-events", "acp", label, " ms", median, at_most(50, " ms"))
    yield from _row(results, "acp-events", "acp", f"{label}: longest", " ms", longest)
