"""`inspect-swe doctor`: checks of this machine for evals, with advice."""

from __future__ import annotations

import dataclasses

import click

from ._shared import json_option, print_json

_MARKS = {"ok": "[green]ok[/]  ", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]"}


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check that this machine has everything that an eval needs. Exits with 1 if something is missing.

    Checks Docker, the registries, the store, and the versions of required programs. Each problem has advice.
    """
    from rich.console import Console
    from rich.markup import escape

    from .._cli_inventory import console
    from ._checks import examine

    with Console(stderr=True).status("Checking"):
        findings = examine()
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        out = console()
        for finding in findings:
            out.print(f"{_MARKS[finding.status]} {escape(finding.name)}: {escape(finding.text)}", markup=True)
            if finding.hint and finding.status != "ok":
                out.print(f"     what to do: {escape(finding.hint)}", markup=True)
    if any(finding.status == "fail" for finding in findings):
        raise SystemExit(1)
