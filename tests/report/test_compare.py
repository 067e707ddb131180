"""`inspect-swe compare` of a matrix of logs whose truth is known, against statsmodels and scipy."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from inspect_swe._cli import main

from .matrix import AGENTS, EPOCHS, MODELS, SAMPLES, truth, write_logs


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("matrix")
    write_logs(folder)
    return folder


def compare(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


@pytest.fixture(scope="module")
def report(logs: Path) -> dict[str, Any]:
    result = compare(logs, "--json", "--price", "scripted/one=1,2")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def outcomes(agent: str, model: str) -> list[tuple[int, float | str]]:
    return [(s, truth(agent, model, s, e)) for s in range(SAMPLES) for e in range(1, EPOCHS + 1)]


def scores(agent: str, model: str, completed: bool) -> list[tuple[int, float]]:
    """A limit's score is the scorer's: 0."""
    return [
        (sample, value if isinstance(value, float) else 0.0)
        for sample, value in outcomes(agent, model)
        if isinstance(value, float) or not completed
    ]


def by_sample(values: list[tuple[int, float]]) -> dict[int, float]:
    runs = {sample: [value for each, value in values if each == sample] for sample, _ in values}
    return {sample: sum(each) / len(each) for sample, each in runs.items()}


def cell(report: dict[str, Any], agent: str, model: str) -> dict[str, Any]:
    [found] = [c for c in report["cells"] if c["agent"] == agent and c["model"].endswith(model)]
    return dict(found)


@pytest.mark.parametrize("completed", [False, True])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("agent", AGENTS)
def test_scores_equal_statsmodels(report: dict[str, Any], agent: str, model: str, completed: bool) -> None:
    import numpy
    import statsmodels.api as sm

    expected = scores(agent, model, completed)
    values = numpy.array([value for _, value in expected])
    groups = numpy.array([sample for sample, _ in expected])
    fitted = sm.OLS(values, numpy.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    found = cell(report, agent, model)["score_completed" if completed else "score"]
    assert found["mean"] == pytest.approx(values.mean())
    assert [found["low"], found["high"]] == pytest.approx(list(fitted.conf_int()[0]))
    assert (found["runs"], found["samples"]) == (len(values), len(set(groups)))


@pytest.mark.parametrize("model", MODELS)
def test_errors_and_limits_are_apart(report: dict[str, Any], model: str) -> None:
    assert [cell(report, agent, model)["errors"] for agent in AGENTS] == [{}, {"ValueError": 6}, {}]
    assert [cell(report, agent, model)["limits"] for agent in AGENTS] == [{}, {}, {"custom": 1}]


@pytest.mark.parametrize("completed", [False, True])
def test_paired_differences_equal_scipy(report: dict[str, Any], completed: bool) -> None:
    from scipy import stats

    pairs = {(a, b, m): ((a, m), (b, m)) for m in MODELS for a in AGENTS for b in AGENTS if a < b}
    pairs |= {("one", "two", agent): ((agent, "one"), (agent, "two")) for agent in AGENTS}
    assert len(report["differences"]) == len(pairs)
    for each in report["differences"]:
        names = tuple(each[key].removeprefix("scripted/") for key in ("first", "second", "same"))
        swapped = names not in pairs
        cells = pairs[(names[1], names[0], names[2]) if swapped else names]
        first, second = (by_sample(scores(*c, completed)) for c in (reversed(cells) if swapped else cells))
        shared = sorted(first.keys() & second.keys())
        test = stats.ttest_rel([first[s] for s in shared], [second[s] for s in shared])
        interval = test.confidence_interval(0.95)
        found = each["score_completed" if completed else "score"]
        assert found["samples"] == len(shared)
        assert found["mean"] == pytest.approx(sum(first[s] - second[s] for s in shared) / len(shared))
        assert [found["low"], found["high"]] == pytest.approx([interval.low, interval.high])


def test_what_is_missing_is_not_zero(report: dict[str, Any]) -> None:
    found = cell(report, "alpha", "two")
    assert found["cost"] is None
    assert found["seconds"]["install"] is None
    assert found["versions"] == []
    assert (found["turns"], found["model_calls"], found["tools"]) == (1, 1, {})


def test_prices_are_per_million_tokens(report: dict[str, Any]) -> None:
    found = cell(report, "alpha", "one")
    tokens = {name: value or 0 for name, value in found["tokens"].items()}
    read, write = tokens["input_tokens_cache_read"], tokens["input_tokens_cache_write"]
    expected = tokens["input_tokens"] + read + write + 2 * tokens["output_tokens"]
    assert found["cost"] == pytest.approx(expected / 1e6)
    assert found["cost"] > 0


def test_the_page_is_self_contained(logs: Path, tmp_path: Path) -> None:
    result = compare(logs, "--html", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    assert "Paired differences" in result.stdout
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Plotly.newPlot" in text
    assert "<script src=" not in text
    assert "<link" not in text.split("<script")[0]
    assert text.count("/samples/sample/") >= len(AGENTS) * len(MODELS) * SAMPLES * EPOCHS
    assert 'class="error"' in text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda spec: spec["dataset"].update(name="other"), "different dataset"),
        (lambda spec: spec["scorers"][0].update(name="other"), "different scorers"),
    ],
)
def test_other_tasks_are_refused(
    logs: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    other = changed_log(next((logs / "alpha-one").iterdir()), tmp_path, change)
    refused = compare(logs / "beta-one", other)
    assert (refused.exit_code, reason in refused.stderr) == (1, True), refused.output
    forced = compare(logs / "beta-one", other, "--force")
    assert (forced.exit_code, reason in forced.stderr) == (0, True), forced.output


def test_other_limits_are_a_warning(logs: Path, tmp_path: Path) -> None:
    log = next((logs / "alpha-one").iterdir())
    other = changed_log(log, tmp_path, lambda spec: spec["config"].update(message_limit=7))
    result = compare(logs / "beta-one", other)
    assert (result.exit_code, "different limits" in result.stderr) == (0, True), result.output


def changed_log(log: Path, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    from inspect_ai.log import EvalLog, read_eval_log, write_eval_log

    data = json.loads(read_eval_log(str(log)).model_dump_json())
    change(data["eval"])
    path = folder / "2026-01-01T00-00-00_other_other.eval"
    write_eval_log(EvalLog.model_validate(data), str(path))
    return path


def test_a_missing_extra_has_a_hint(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    result = compare(logs)
    assert result.exit_code == 1
    assert "inspect_swe[report]" in result.stderr
