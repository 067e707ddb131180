"""`inspect-swe export`: a log in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from ._shared import json_option, print_json

if TYPE_CHECKING:
    from .._export import Exported, Kind

# Repeated here so that `--help` imports nothing else of the package; a test compares it with the real list.
KINDS = ("atif", "jsonl", "native", "files", "patch")


@click.command()
@click.argument("log")
@click.option("--to", type=click.Choice(KINDS), required=True, help="Format to write.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@click.option("--sample", metavar="ID", help="Only this sample.  [default: all]")
@click.option("--epoch", type=int, metavar="N", help="Only this epoch.  [default: all]")
@json_option
def export(log: str, to: str, out: Path, sample: str | None, epoch: int | None, as_json: bool) -> None:
    """Export the samples of LOG, including those that failed or were killed.

    atif: trajectories in the Agent Trajectory Interchange Format. jsonl: all events, one per line. native: the CLI's
    own session, if it was saved. files: the collected files. patch: a patch for each sample, and all of them as
    predictions for SWE-bench.
    """
    from .._export import export as exported

    done: list[Exported] = []
    try:
        for each in exported(log, cast("Kind", to), out, sample, epoch):
            done.append(each)
            if not as_json:
                _show(each)
    finally:
        if as_json:
            import dataclasses

            print_json([dataclasses.asdict(each) for each in done])


def _show(exported: Exported) -> None:
    what = f"{exported.sample} (epoch {exported.epoch})"
    if exported.path is not None:
        click.echo(f"{what}: {exported.path}")
    else:
        click.echo(f"{what}: skipped, {exported.skipped}", err=True)
