"""`inspect-swe download`: CLIs fetched in advance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._shared import PLATFORMS, check_names, json_option, platforms_of, print_json

if TYPE_CHECKING:
    from .._store.store import StoredArtifact

_KEYWORDS = ("stable", "latest")


@click.command()
@click.argument("agents", metavar="AGENT...", nargs=-1)
@click.option(
    "--version",
    default="stable",
    show_default=True,
    metavar="stable|latest|X.Y.Z",
    help="The pinned version, the registry's newest, or a specific one.",
)
@click.option(
    "--platform",
    type=click.Choice([*PLATFORMS, "all"]),
    help="Platform of the sandbox.  [default: Linux with glibc, for this machine's processor]",
)
@click.option("--all", "everything", is_flag=True, help="Download all agents of this package for all platforms.")
@json_option
def download(agents: tuple[str, ...], version: str, platform: str | None, everything: bool, as_json: bool) -> None:
    """Download the CLI of each AGENT (such as claude_code), and the programs it needs, into the store.

    Evals find them there.
    """
    if everything and (agents or platform):
        raise click.UsageError("--all includes all agents and platforms: don't specify any.")
    if everything and version not in _KEYWORDS:
        raise click.UsageError("--all takes only stable or latest: a specific version applies to one agent.")
    if not everything and not agents:
        raise click.UsageError("specify an AGENT or --all.")

    from .._agents import plugin_names
    from .._cli_inventory import CHOICES, entry_of, fetch_each
    from .._store.versions import check_version

    check_names(agents, [*CHOICES, *plugin_names()])
    check_version(version)
    targets = platforms_of("all" if everything else platform)
    pairs = [(agent, target) for agent in (CHOICES if everything else agents) for target in targets]
    artifacts, errors = fetch_each(pairs, version, (lambda artifact: None) if as_json else _say)
    if as_json:
        print_json([{**entry_of(artifact), "source": artifact.source} for artifact in artifacts])
    for error in errors:
        click.echo(f"error: {error}", err=True)
    if errors:
        raise SystemExit(1)


def _say(artifact: StoredArtifact) -> None:
    from rich.filesize import decimal

    from .._cli_inventory import entry_of

    entry = entry_of(artifact)
    done = "downloaded" if artifact.source == "download" else "already in the store"
    click.echo(f"{entry['agent']} {entry['version']} {entry['platform']}: {done} ({decimal(entry['size'])})")
