"""What reaches the model provider in an eval, against what each CLI sends itself.

`fidelity_findings.json` lists the differences that are not deliberate. A new one fails the test, and so does one that
is gone: then it is to be taken out of the list. `INSPECT_SWE_FIDELITY_UPDATE=1` writes the list anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from inspect_swe.conformance._fidelity import SUBJECTS, run_fidelity

from . import harness  # noqa: F401  (registers the sandbox provider)

FINDINGS = Path(__file__).with_name("fidelity_findings.json")
UPDATES = os.environ.get("INSPECT_SWE_FIDELITY_UPDATE") == "1"


@pytest.mark.parametrize("name", SUBJECTS)
def test_fidelity(name: str) -> None:
    (comparison,) = run_fidelity([name], "inspect-swe-test:bookworm", provider="lean_test")
    found = {
        "runs": not comparison.errors,
        "reads the cache": comparison.reads_the_cache,
        # What the CLI itself sends may differ from run to run: the order of its skills, the place of a compaction.
        "findings": sorted(each.path for each in comparison.findings if not each.by_cli),
    }
    listed = json.loads(FINDINGS.read_text())
    if UPDATES:
        FINDINGS.write_text(json.dumps({**listed, name: found}, indent=1, sort_keys=True) + "\n")
        listed = json.loads(FINDINGS.read_text())
    assert comparison.requests > 3, comparison.errors
    assert found == listed[name], [each for each in comparison.findings if each.path not in listed[name]["findings"]]


def test_the_list_has_every_agent() -> None:
    assert set(json.loads(FINDINGS.read_text())) == set(SUBJECTS)
