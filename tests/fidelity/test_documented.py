"""The docs page lists the deliberate differences, with the reasons that the suite knows."""

from __future__ import annotations

from pathlib import Path

from inspect_swe._agents import ROSTER
from inspect_swe.conformance._fidelity import SUBJECTS
from inspect_swe.conformance._fidelity._reasons import DELIBERATE

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "fidelity.md").read_text()


def test_each_deliberate_difference_has_its_row() -> None:
    rows = PAGE.partition("## Deliberate differences")[2].partition("## Known differences")[0].splitlines()
    told = {f"| `{each.path}` | {', '.join(each.subjects) or 'all'} | {each.reason} |" for each in DELIBERATE}
    assert {row for row in rows if row.startswith("| `")} == told


def test_each_agent_is_compared_with_its_own_provider() -> None:
    assert {adapter.key for adapter in ROSTER} <= SUBJECTS.keys()
    for adapter in ROSTER:
        assert f"| {adapter.label} | `{SUBJECTS[adapter.key].model}` |" in PAGE
