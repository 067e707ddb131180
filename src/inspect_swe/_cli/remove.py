"""`inspect-swe remove`: frees the store's space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from ._shared import PLATFORMS, check_names, json_option, print_json


@dataclass(frozen=True)
class Folder:
    """A folder of the store, whether it is intact or not.

    Args:
        path: Where it is.
        agent: The agent, or the program that agents need.
        version: Its version.
        platform: What it is for.
    """

    path: Path
    agent: str
    version: str
    platform: str

    @property
    def size(self) -> int:
        """Its size on disk."""
        return sum(file.stat().st_size for file in (self.path / "package").rglob("*") if file.is_file())


@click.command()
@click.argument("agents", metavar="[AGENT...]", nargs=-1)
@click.option("--version", metavar="stable|X.Y.Z", help="Only this version.")
@click.option("--platform", type=click.Choice(PLATFORMS), help="Only what is for this platform.")
@click.option("--all", "everything", is_flag=True, help="All that is in the store, wheels included.")
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
@json_option
def remove(
    agents: tuple[str, ...], version: str | None, platform: str | None, everything: bool, yes: bool, as_json: bool
) -> None:
    """Remove CLIs from the store: those of each AGENT, of a version, for a platform, or all.

    AGENT may also be a program that agents need: node or ripgrep.
    """
    if everything == bool(agents or version or platform):
        raise click.UsageError("name an agent, --version or --platform, or use --all.")
    from rich.filesize import decimal

    from .._install import ArtifactStore, Pins, remove_bundles
    from .._stock import RECIPES, TOOLS

    check_names(agents, [*RECIPES, *TOOLS])
    pins, store = Pins.load(), ArtifactStore()

    def chosen(folder: Folder) -> bool:
        wanted = pins.pin(folder.agent).version if version == "stable" and folder.agent in pins.pins else version
        return (
            (not agents or folder.agent in agents)
            and wanted in (None, folder.version)
            and platform in (None, folder.platform)
        )

    found = [(folder, folder.size) for folder in folders(store.root) if chosen(folder)]
    total = sum(size for _, size in found)
    if not as_json or not yes:
        for folder, size in found:
            click.echo(f"{folder.path.relative_to(store.root)} ({decimal(size)})", err=as_json)
    if found and not yes:
        click.confirm(f"Remove these ({decimal(total)})?", abort=True, err=True)
    for folder, _ in found:
        store.remove(folder.path.relative_to(store.root / "artifacts").as_posix())
    total += remove_bundles(store.root) if everything else 0
    if as_json:
        print_json([{"path": str(folder.path), "size": size} for folder, size in found])
    else:
        click.echo(f"Removed: {decimal(total)}.")


def folders(root: Path) -> list[Folder]:
    """The folders of the store, in the order of their names."""
    found = []
    for path in sorted(root.glob("artifacts/*/*")):
        platform = next((one for one in PLATFORMS if path.name.endswith(f"-{one}")), None)
        if platform is not None:
            version = path.name[: -len(platform) - 1].partition("-py")[0]
            found.append(Folder(path, path.parent.name, version, platform))
    return found
