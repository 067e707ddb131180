"""The comparison of agents and models: cells, paired differences, and what makes runs incomparable."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from .._errors import ComparisonError
from .reading import Run
from .statistics import Estimate, clustered_mean, paired_difference

Price = tuple[float, ...]
Scores = dict[str, list[float]]
"""The scores of each sample's runs."""

_TOKENS = ("input_tokens", "output_tokens", "input_tokens_cache_read", "input_tokens_cache_write")


@dataclass(frozen=True)
class Cell:
    """The runs of one agent with one model. None means that the logs don't say."""

    agent: str
    model: str
    runs: int
    samples: int
    score: Estimate | None
    score_completed: Estimate | None
    errors: Mapping[str, int]
    limits: Mapping[str, int]
    cost: float | None
    tokens: Mapping[str, float | None]
    model_calls: float | None
    turns: float | None
    tools: Mapping[str, int] | None
    seconds: Mapping[str, float | None]
    versions: Sequence[str]
    bridges: Sequence[str]
    parameters: Sequence[Any]


@dataclass(frozen=True)
class Difference:
    """The difference of two agents with one model, or of two models with one agent: first minus second."""

    first: str
    second: str
    same: str
    score: Estimate | None
    score_completed: Estimate | None


@dataclass(frozen=True)
class Comparison:
    """A report's numbers. Costs, calls and seconds of a cell are means per run."""

    scorer: str | None
    cells: Sequence[Cell]
    differences: Sequence[Difference]
    warnings: Sequence[str]


def compare_runs(
    runs: Sequence[Run], scorer: str | None = None, prices: Mapping[str, Price] | None = None, force: bool = False
) -> Comparison:
    """Compare runs.

    Args:
        runs: The runs of all logs.
        scorer: The scorer whose values count. Default: the first one.
        prices: USD per million tokens of each model: input, output, cache reads, cache writes. Default: Inspect's.
        force: Compare runs of different datasets or scorers too.

    Raises:
        ComparisonError: If the runs have different datasets or scorers, or there is none.
    """
    if not runs:
        raise ComparisonError("The logs contain no samples.", hint="Pass logs of evals that ran at least one sample.")
    names = list(dict.fromkeys(name for run in runs for name in run.facts["scores"]))
    if scorer is not None and scorer not in names:
        raise ComparisonError(
            f"No sample has a score {scorer!r}.", hint=f"The scores are: {', '.join(names) or 'none'}."
        )
    scorer = scorer or (names[0] if names else None)
    differing = _refusals(runs)
    if differing and not force:
        hint = "Pass only logs of the same task, or compare them anyway with --force."
        raise ComparisonError(f"The runs are not comparable: {'; '.join(differing)}.", hint=hint)
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.agent, run.model].append(run)
    scores = {
        key: (_scores(group, scorer), _scores(filter(is_complete, group), scorer)) for key, group in groups.items()
    }
    cells = [_cell(*key, group, scores[key], prices or {}) for key, group in groups.items()]
    return Comparison(scorer, cells, list(_differences(scores)), [*differing, *_warnings(runs, groups, scorer)])


def score_of(run: Run, scorer: str | None) -> float | None:
    """Return a run's score. A run that ended with an error or a limit before it was scored has 0."""
    score: float | None = run.facts["scores"].get(scorer)
    return 0.0 if score is None and not is_complete(run) else score


def is_complete(run: Run) -> bool:
    """Return whether a run ended without an error and without a limit."""
    return run.facts["error"] is None and run.facts["limit"] is None


def _scores(runs: Iterable[Run], scorer: str | None) -> Scores:
    scores: Scores = defaultdict(list)
    for run in runs:
        score = score_of(run, scorer)
        if score is not None:
            scores[run.sample].append(score)
    return scores


def _cell(
    agent: str, model: str, runs: Sequence[Run], scores: tuple[Scores, Scores], prices: Mapping[str, Price]
) -> Cell:
    facts = [run.facts for run in runs]
    tools = [each["tools"] for each in facts if each["tools"] is not None]
    return Cell(
        agent=agent,
        model=model,
        runs=len(runs),
        samples=len({run.sample for run in runs}),
        score=clustered_mean(scores[0]),
        score_completed=clustered_mean(scores[1]),
        errors=dict(Counter(each["error"] for each in facts if each["error"])),
        limits=dict(Counter(each["limit"] for each in facts if each["limit"])),
        cost=_mean(_cost(each["usage"], prices) for each in facts),
        tokens={name: _mean(_tokens(each["usage"], name) for each in facts) for name in _TOKENS},
        model_calls=_mean(each["model_calls"] for each in facts),
        turns=_mean(each["turns"] for each in facts),
        tools=_kinds(agent, sum(map(Counter, tools), Counter())) if tools else None,
        seconds={name: _mean(each["seconds"][name] for each in facts) for name in facts[0]["seconds"]},
        versions=sorted({version for each in facts for version in each["versions"]}),
        bridges=sorted({bridge for each in facts for bridge in each["bridges"]}),
        parameters=_unique(parameters for each in facts for parameters in each["parameters"]),
    )


def _kinds(agent: str, calls: Mapping[str, int]) -> dict[str, int]:
    """Count tool calls by kind; a tool whose kind is unknown keeps its name."""
    from .._agents import ROSTER

    kinds = {name: kind for each in ROSTER if each.key in agent.split("+") for name, kind in each.tools.items()}
    counts: Counter[str] = Counter()
    for name, count in calls.items():
        counts[kinds.get(name, name)] += count
    return dict(counts)


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the known values, or None if there is none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _tokens(usage: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    known = [each[name] for each in usage.values() if each[name] is not None]
    return sum(known) if known else None


def _cost(usage: Mapping[str, Mapping[str, Any]], prices: Mapping[str, Price]) -> float | None:
    costs = [_priced(each, prices[model]) if model in prices else each["total_cost"] for model, each in usage.items()]
    return sum(costs) if costs and None not in costs else None


def _priced(usage: Mapping[str, Any], price: Price) -> float:
    full = (*price, *(price[0],) * (len(_TOKENS) - len(price)))
    return sum((usage[name] or 0) * each for name, each in zip(_TOKENS, full, strict=True)) / 1_000_000


def _differences(scores: Mapping[tuple[str, str], tuple[Scores, Scores]]) -> Iterable[Difference]:
    for first, second in combinations(scores, 2):
        for own, shared in ((0, 1), (1, 0)):
            if first[shared] == second[shared]:
                everything, completed = map(paired_difference, scores[first], scores[second])
                yield Difference(first[own], second[own], first[shared], everything, completed)


def _refusals(runs: Sequence[Run]) -> list[str]:
    refusals: list[str] = []
    for name in ("dataset", "scorers"):
        values = {run.settings[name] for run in runs}
        if len(values) > 1:
            refusals.append(f"different {name}: {', '.join(sorted(map(str, values)))}")
    inputs: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        inputs[run.sample].update(filter(None, [run.facts["input"]]))
    differing = [name for name, digests in inputs.items() if len(digests) > 1]
    if differing:
        refusals.append(f"different inputs or targets of the samples {', '.join(differing[:5])}")
    return refusals


def _warnings(
    runs: Sequence[Run], groups: Mapping[tuple[str, str], Sequence[Run]], scorer: str | None
) -> Iterable[str]:
    checks: dict[str, Callable[[Run], Any]] = {
        "tasks": lambda run: run.settings["task"],
        "limits": lambda run: run.settings["limits"],
        "parameters of the eval": lambda run: run.settings["parameters"],
    }
    for name, value in checks.items():
        values = _unique(map(value, runs))
        if len(values) > 1:
            yield f"different {name}: {', '.join(map(str, values))}"
    for agent in dict.fromkeys(run.agent for run in runs):
        versions = {tuple(run.facts["versions"]) for run in runs if run.agent == agent and run.facts["versions"]}
        if len(versions) > 1:
            yield f"{agent}: different CLI versions: {', '.join(sorted(' + '.join(each) for each in versions))}"
    if len({frozenset((run.sample, run.epoch) for run in group) for group in groups.values()}) > 1:
        yield "the cells have different samples or epochs"
    unscored = sum(score_of(run, scorer) is None for run in runs)
    if unscored:
        yield f"{unscored} runs ended normally but have no score {scorer!r}: they count in no score"


def _unique(values: Iterable[Any]) -> list[Any]:
    return list({json.dumps(value, sort_keys=True): value for value in values}.values())
