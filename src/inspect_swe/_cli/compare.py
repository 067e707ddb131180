"""`inspect-swe compare`: agents and models, from their logs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import json_option, print_json

if TYPE_CHECKING:
    from .._report import Comparison


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--scorer", metavar="NAME", help="Score to compare.  [default: the first]")
@click.option("--price", "prices", multiple=True, metavar="MODEL=IN,OUT[,READ[,WRITE]]", help="USD per million tokens.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Page to write.")
@click.option("--view", default="http://127.0.0.1:7575", show_default=True, help="Address of `inspect view`.")
@click.option("--force", is_flag=True, help="Compare runs of different datasets or scorers.")
@json_option
def compare(
    logs: tuple[str, ...],
    scorer: str | None,
    prices: tuple[str, ...],
    html: Path | None,
    view: str,
    force: bool,
    as_json: bool,
) -> None:
    """Compare the agents and models in each LOG of a task; a LOG can be a folder.

    The scores have 95% intervals, clustered by sample. Differences are paired: they use the samples that both have.
    """
    from .._report import compare_runs, read_runs

    given = dict(_price(each) for each in prices)
    runs = read_runs(logs)
    comparison = compare_runs(runs, scorer, given, force)
    if html is not None:
        from .._report.page import page

        html.write_text(page(comparison, runs, view), encoding="utf-8")
    if as_json:
        import dataclasses

        print_json(dataclasses.asdict(comparison))
    else:
        _show(comparison)


def _price(text: str) -> tuple[str, tuple[float, ...]]:
    model, _, numbers = text.rpartition("=")
    try:
        price = tuple(float(each) for each in numbers.split(","))
    except ValueError:
        price = ()
    if not model or not 2 <= len(price) <= 4:
        raise click.BadParameter(f"{text!r} is not MODEL=IN,OUT[,READ[,WRITE]].", param_hint="--price")
    return model, price


def _show(comparison: Comparison) -> None:
    from rich.table import Table

    from .._cli_inventory import console
    from .._report.table import COLUMNS, DIFFERENCES, difference_rows, rows

    for warning in comparison.warnings:
        click.echo(f"warning: {warning}", err=True)
    for title, columns, body in (
        (f"Score: {comparison.scorer}", COLUMNS, rows(comparison.cells)),
        ("Paired differences", DIFFERENCES, difference_rows(comparison.differences)),
    ):
        table = Table(*columns, title=title)
        for row in body:
            table.add_row(*row)
        if body:
            console().print(table)
