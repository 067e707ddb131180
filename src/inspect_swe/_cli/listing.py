"""`inspect-swe list`: the contents of the store."""

from __future__ import annotations

import click

from ._shared import json_option, print_json


@click.command("list")
@json_option
def list_store(as_json: bool) -> None:
    """List the CLIs in the store, and the programs that they need."""
    from .._cli_inventory import TOOLS, entry_of, known_recipes, print_entries, stored

    entries = [entry_of(artifact) for artifact in stored([*known_recipes(), *TOOLS])]
    if as_json:
        print_json(entries)
    else:
        print_entries(entries)
