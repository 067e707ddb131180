"""`inspect-swe agents`: which agents there are, and what is to be known of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ._shared import json_option, print_json

if TYPE_CHECKING:
    from .._install import Pins
    from .._runtime.adapter import Adapter


@click.command("agents")
@json_option
def list_agents(as_json: bool) -> None:
    """List the agents: their pinned CLIs and platforms, their options, and the kinds of their CLIs' own tools."""
    from .._agents import ROSTER
    from .._install import Pins

    pins = Pins.load()
    entries = [_entry(adapter, pins) for adapter in ROSTER]
    if as_json:
        print_json(entries)
        return
    from rich.table import Table

    from .._stock import console

    table = Table("agent", "CLI", "command", "version", "interactive", box=None, pad_edge=False)
    for each in entries:
        table.add_row(each["agent"], each["label"], each["command"], each["version"], each["interactive"] or "no")
    console().print(table)
    for each in entries:
        click.echo(f"\n{each['agent']}")
        for what in ("platforms", "options"):
            click.echo(f"  {what}: {', '.join(each[what])}")
        for kind in dict.fromkeys(each["tools"].values()):
            click.echo(f"  tools, {kind}: {', '.join(name for name, own in each['tools'].items() if own == kind)}")


def _entry(adapter: type[Adapter], pins: Pins) -> dict[str, Any]:
    import inspect_swe

    from .._runtime.results import options_of
    from .._stock import CHOICES, PLATFORMS

    interactive = f"interactive_{adapter.key}"
    pin = pins.pin(adapter.key)
    return {
        "agent": adapter.key,
        "label": adapter.label,
        "command": adapter.command,
        "version": pin.version,
        "platforms": sorted(pin.releases) or list(PLATFORMS),
        "interactive": interactive if interactive in CHOICES else None,
        "options": list(options_of(getattr(inspect_swe, adapter.key))),
        "tools": dict(adapter.tools),
    }
