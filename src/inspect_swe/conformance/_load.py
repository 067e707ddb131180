"""Agents by name."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import cast

import click

from .._agents import ROSTER, plugin_agent, plugin_names
from .._errors import closest
from ._trial import AgentFactory


def load_agent(name: str) -> AgentFactory:
    """Return the factory of an agent.

    Args:
        name: An agent of this package (`claude_code`), a registered agent of another package, `module:function` or
            `path/to/file.py:function`.

    Raises:
        click.BadParameter: The agent does not exist.
        EntryPointError: The agent of another package cannot be used.
    """
    place, _, attribute = name.rpartition(":")
    if not place and name in plugin_names():
        return plugin_agent(name).factory
    try:
        module = _module(place) if place else importlib.import_module("inspect_swe")
        return cast(AgentFactory, getattr(module, attribute))
    except (ImportError, AttributeError, OSError) as ex:
        near = None if place else closest(name, [*(adapter.key for adapter in ROSTER), *plugin_names()])
        hint = f"Did you mean {near!r}?" if near else f"({ex})"
        raise click.BadParameter(f"there is no agent {name!r}. {hint}", param_hint="AGENT") from ex


def _module(place: str) -> object:
    if not place.endswith(".py"):
        return importlib.import_module(place)
    path = Path(place).resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
