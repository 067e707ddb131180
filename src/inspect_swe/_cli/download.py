"""`inspect-swe download`: fetches CLIs before they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._shared import PLATFORMS, check_names, json_option, platforms_of, print_json

if TYPE_CHECKING:
    from .._install import StoredArtifact

_KEYWORDS = ("stable", "latest")


@click.command()
@click.argument("agents", metavar="AGENT...", nargs=-1)
@click.option(
    "--version",
    default="stable",
    show_default=True,
    metavar="stable|latest|X.Y.Z",
    help="The pinned version, the registry's newest, or a version of your choice.",
)
@click.option(
    "--platform",
    type=click.Choice([*PLATFORMS, "all"]),
    help="What the sandbox is.  [default: Linux with glibc, on this machine's processor]",
)
@click.option("--all", "everything", is_flag=True, help="All agents, for all platforms.")
@json_option
def download(agents: tuple[str, ...], version: str, platform: str | None, everything: bool, as_json: bool) -> None:
    """Fetch the CLI of each AGENT (such as claude_code) into the store, where evals find it.

    The programs that it needs are fetched with it.
    """
    if everything and (agents or platform):
        raise click.UsageError("--all is for all agents and platforms: name none with it.")
    if everything and version not in _KEYWORDS:
        raise click.UsageError("--all can't be of one version: agents have versions of their own.")
    if not everything and not agents:
        raise click.UsageError("name an agent, or use --all.")

    from .._stock import RECIPES, fetch

    check_names(agents, list(RECIPES))
    rows: list[dict[str, object]] = []
    for agent in RECIPES if everything else agents:
        for target in platforms_of("all" if everything else platform):
            for found in fetch(agent, version, target):
                rows.append(_row(found, quiet=as_json))
    if as_json:
        print_json(rows)


def _row(found: StoredArtifact, quiet: bool) -> dict[str, object]:
    """What came of one artifact, as data; printed at once for people."""
    from rich.filesize import decimal

    from .._stock import entry_of

    entry = entry_of(found)
    if not quiet:
        done = "downloaded" if found.source == "download" else "already there"
        click.echo(f"{entry['agent']} {entry['version']} {entry['platform']}: {done} ({decimal(entry['size'])})")
    return {**entry, "source": found.source}
