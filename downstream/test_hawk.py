"""Hawk: an eval set's YAML names our agents by registry name, and our package as theirs."""

from __future__ import annotations

import yaml
from hawk.core.types import EvalSetConfig
from inspect_ai.agent import is_agent
from inspect_ai.util import registry_create

from inspect_swe._agents import ROSTER

CONFIG = """
tasks:
  - package: inspect-evals
    name: inspect_evals
    items: [{name: swe_bench}]
models:
  - package: openai
    name: openai
    items: [{name: gpt-5}]
agents:
  - package: inspect-swe
    name: inspect_swe
    items:
"""


def test_an_eval_set_with_every_agent() -> None:
    items = "".join(
        f"      - name: {adapter.key}\n        args: {{version: stable, attempts: 2}}\n" for adapter in ROSTER
    )
    config = EvalSetConfig.model_validate(yaml.safe_load(CONFIG + items))
    assert config.agents
    (package,) = config.agents
    assert [item.name for item in package.items] == [adapter.key for adapter in ROSTER]
    for item in package.items:
        assert is_agent(registry_create("agent", f"{package.name}/{item.name}", **(item.args or {})))
