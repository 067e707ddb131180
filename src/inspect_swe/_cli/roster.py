"""`inspect-swe agents`: the agents and their properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ._shared import json_option, print_json

if TYPE_CHECKING:
    from inspect_ai.agent import Agent

    from .._contract.adapter import Adapter
    from .._packages.pins import Pins


@click.command("agents")
@json_option
def list_agents(as_json: bool) -> None:
    """List the agents: their pinned CLIs and platforms, their options, and the kinds of their CLIs' own tools.

    Agents of other packages come last.
    """
    import inspect_swe

    from .._agents import ROSTER, PluginAgent, all_plugins
    from .._packages.pins import Pins

    pins, others = Pins.load(), list(all_plugins())
    entries = [_own_entry(adapter, getattr(inspect_swe, adapter.key), pins) for adapter in ROSTER]
    entries += [
        _entry(type(plugin.adapter), plugin.factory, plugin.package)
        for plugin in others
        if isinstance(plugin, PluginAgent)
    ]
    for plugin in others:
        if not isinstance(plugin, PluginAgent):
            click.echo(f"warning: {plugin}", err=True)
    if as_json:
        print_json(entries)
        return
    from rich.table import Table

    from .._cli_inventory import console

    table = Table("agent", "CLI", "command", "version", "interactive", box=None, pad_edge=False)
    for each in entries:
        version = each["version"] or "not pinned"
        table.add_row(each["agent"], each["label"], each["command"], version, each["interactive"] or "no")
    console().print(table)
    for each in entries:
        click.echo(f"\n{each['agent']}" + ("" if each["package"] == "inspect_swe" else f", from {each['package']}"))
        for what in ("platforms", "options"):
            if each[what]:
                click.echo(f"  {what}: {', '.join(each[what])}")
        for kind in dict.fromkeys(each["tools"].values()):
            click.echo(f"  tools, {kind}: {', '.join(name for name, own in each['tools'].items() if own == kind)}")


def _own_entry(adapter: type[Adapter], factory: Callable[..., Agent], pins: Pins) -> dict[str, Any]:
    from .._cli_inventory import CHOICES, PLATFORMS

    interactive, pin = f"interactive_{adapter.key}", pins.pin(adapter.key)
    return _entry(adapter, factory, "inspect_swe") | {
        "version": pin.version,
        "platforms": sorted(pin.releases) or list(PLATFORMS),
        "interactive": interactive if interactive in CHOICES else None,
    }


def _entry(adapter: type[Adapter], factory: Callable[..., Agent], package: str) -> dict[str, Any]:
    from .._contract.parameters import parameter_types

    return {
        "agent": adapter.key,
        "package": package,
        "label": adapter.label,
        "command": adapter.command,
        "version": None,
        "platforms": [],
        "interactive": None,
        "options": list(parameter_types(factory)),
        "tools": dict(adapter.tools),
    }
