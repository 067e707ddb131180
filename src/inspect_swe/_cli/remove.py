"""`inspect-swe remove`: deletes CLIs from the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from ._shared import PLATFORMS, check_names, json_option, print_json


@dataclass(frozen=True)
class Folder:
    """A folder of the store, intact or not.

    Args:
        path: Path of the folder.
        agent: Key of the agent, or of a program that agents need.
        version: Version of the program.
        platform: Platform of the program.
    """

    path: Path
    agent: str
    version: str
    platform: str


@click.command()
@click.argument("agents", metavar="[AGENT...]", nargs=-1)
@click.option("--version", metavar="stable|X.Y.Z", help="Only this version.")
@click.option("--platform", type=click.Choice(PLATFORMS), help="Only this platform.")
@click.option("--all", "everything", is_flag=True, help="Everything in the store, including wheels.")
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@json_option
def remove(
    agents: tuple[str, ...], version: str | None, platform: str | None, everything: bool, yes: bool, as_json: bool
) -> None:
    """Remove CLIs from the store: of each AGENT, of a version, for a platform, or all.

    AGENT may also be a program that agents need: node, ripgrep, claude_agent_acp or codex_acp.
    """
    if everything == bool(agents or version or platform):
        raise click.UsageError("specify an AGENT, --version or --platform, or else --all.")
    from .._agents import plugin_names
    from .._cli_inventory import RECIPES, TOOLS, size_of
    from .._packages.pins import Pins
    from .._store.bundle import remove_bundle
    from .._store.store import ArtifactStore

    check_names(agents, [*RECIPES, *TOOLS, *plugin_names()])
    pins, store = Pins.load(), ArtifactStore()

    def is_selected(folder: Folder) -> bool:
        required_version = (
            pins.pin(folder.agent).version if version == "stable" and folder.agent in pins.pins else version
        )
        return (
            (not agents or folder.agent in agents)
            and required_version in (None, folder.version)
            and platform in (None, folder.platform)
        )

    unpacked = [folder.path for folder in folders(store.root) if is_selected(folder)]
    bundles = sorted(store.root.glob("wheels/*/*")) if everything else []
    sizes = {path: size_of(path) for path in [*unpacked, *bundles]}
    _agree(store.root, sizes, yes, as_json)
    in_use = [path for path in unpacked if not store.remove(path.relative_to(store.root / "artifacts").as_posix())]
    for path in bundles:
        remove_bundle(store.root, path)
    if as_json:
        print_json([{"path": str(path), "size": size} for path, size in sizes.items() if path not in in_use])
    elif not sizes:
        click.echo("The store contains no such program.")
    for path in in_use:
        click.echo(
            f"error: {path.relative_to(store.root)} was not removed: it is in use, or you lack permission.", err=True
        )
    if in_use:
        raise SystemExit(1)


def _agree(root: Path, sizes: Mapping[Path, int], yes: bool, quiet: bool) -> None:
    """List the folders to remove, and ask for confirmation; a no aborts the command."""
    from rich.filesize import decimal

    for path, size in sizes.items() if not (quiet and yes) else ():
        click.echo(f"{path.relative_to(root)} ({decimal(size)})", err=quiet)
    if sizes and not yes:
        click.confirm(f"Remove these ({decimal(sum(sizes.values()))})?", abort=True, err=True)


def folders(root: Path) -> list[Folder]:
    """Return the folders of the store, sorted by name."""
    result = []
    for path in sorted(root.glob("artifacts/*/*")):
        platform = next((name for name in PLATFORMS if path.name.endswith(f"-{name}")), None)
        if platform is not None:
            version = path.name[: -len(platform) - 1].partition("-py")[0]
            result.append(Folder(path, path.parent.name, version, platform))
    return result
