"""The `inspect-swe` command: fetches CLIs before they are needed, and lists those that are there."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypedDict, cast

import click

from ._cli_images import compose, image

if TYPE_CHECKING:
    from ._install import Artifact, ArtifactStore, SandboxPlatform, StoredArtifact
    from ._runtime.adapter import Adapter

# Repeated here so that `--help` loads nothing of the package; a test compares it with the real list.
PLATFORMS = ("linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl")


class Entry(TypedDict):
    """A CLI in the store, as `list --json` prints it."""

    agent: str
    version: str
    platform: str
    size: int
    path: str
    digest: str


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="inspect_swe", message="%(version)s")
def main() -> None:
    """Coding-agent CLIs for Inspect: fetch them ahead of time, and list those that are there."""


main.add_command(compose)
main.add_command(image)


@main.command()
@click.argument("agents", metavar="AGENT...", nargs=-1, required=True)
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
def download(agents: tuple[str, ...], version: str, platform: str | None) -> None:
    """Fetch the CLI of each AGENT (such as claude_code) into the store, where evals find it."""
    import anyio

    adapters = [_adapter(agent) for agent in agents]
    with _errors_as_text():
        for adapter in adapters:
            for target in _platforms(platform):
                for stored in anyio.run(functools.partial(_fetch, adapter, version, target)):
                    entry = _entry(stored)
                    done = "downloaded" if stored.source == "download" else "already there"
                    click.echo(f"{entry['agent']} {entry['version']} {entry['platform']}: {done} ({_size(entry)})")


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_store(as_json: bool) -> None:
    """List the CLIs in the store."""
    from ._install import ArtifactStore

    store = ArtifactStore()
    entries = [_entry(stored) for stored in _stored(store)]
    if as_json:
        import json

        click.echo(json.dumps(entries, indent=2))
    elif entries:
        _print_table(entries)
    else:
        click.echo(f"The store is empty: {store.root}")


@main.command()
@click.argument("agents", metavar="AGENT...", nargs=-1, required=True)
@click.option("--version", metavar="stable|latest|X.Y.Z", help="Version of the CLIs.  [default: as the agent has it]")
@click.option("--only", metavar="NAME,...", help="Names of the behaviours to try.  [default: all]")
@click.option("--image", default="python:3.12-bookworm", show_default=True, help="With a shell, git and Python.")
@click.option("--minimal-image", default="alpine:3", show_default=True, help="With little more than a shell.")
@click.option("--log-dir", help="Where the logs go.  [default: as Inspect has it]")
@click.option("--max-samples", type=int, help="Containers at once.  [default: two per processor]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(
    agents: tuple[str, ...],
    version: str | None,
    only: str | None,
    image: str,
    minimal_image: str,
    log_dir: str | None,
    max_samples: int | None,
    as_json: bool,
) -> None:
    """Try each AGENT's real CLI in everything that agents must do alike; exits with 1 if something fails.

    AGENT is one of the package's own (such as claude_code), `module:function` or `path/to/file.py:function`.
    Needs Docker, and no model: it brings a scripted one.
    """
    from .conformance import BEHAVIOURS, load_agent, run_matrix

    names = only.split(",") if only else None
    unknown = [name for name in names or () if name not in BEHAVIOURS]
    if unknown:
        raise click.BadParameter(f"no such behaviour: {', '.join(unknown)}.", param_hint="--only")
    for agent in agents:
        load_agent(agent)
    matrix = run_matrix(
        agents,
        version,
        names,
        log_dir=log_dir,
        display="none" if as_json else None,
        max_samples=max_samples,
        image=image,
        minimal_image=minimal_image,
    )
    if as_json:
        import dataclasses
        import json

        click.echo(json.dumps(dataclasses.asdict(matrix), indent=2))
    else:
        from rich.console import Console

        matrix.print(Console(width=None if sys.stdout.isatty() else 4096, highlight=False, markup=False))
    if not matrix.ok:
        raise SystemExit(1)


@contextlib.contextmanager
def _errors_as_text() -> Iterator[None]:
    """Print an error of ours without its traceback, and exit with 1."""
    from ._errors import AgentError

    try:
        yield
    except AgentError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(1) from error


def _adapter(key: str) -> type[Adapter]:
    from ._agents import ROSTER

    known = {adapter.key: adapter for adapter in ROSTER}
    if key not in known:
        raise click.BadParameter(f"there is no agent {key!r}. Known agents: {', '.join(known)}.", param_hint="AGENT")
    return known[key]


def _platforms(choice: str | None) -> list[SandboxPlatform]:
    from ._install import sandbox_platform

    if choice == "all":
        return [cast("SandboxPlatform", platform) for platform in PLATFORMS]
    if choice is not None:
        return [cast("SandboxPlatform", choice)]
    import platform

    return [sandbox_platform(platform.machine(), musl=False)]


async def _fetch(adapter: type[Adapter], version: str, platform: SandboxPlatform) -> list[StoredArtifact]:
    from ._install import PYTHONS, PythonPackage, Target, resolve, resolve_tool

    recipe = adapter.recipe
    assert recipe is not None
    if isinstance(recipe, PythonPackage):
        targets = [Target(platform, python) for python in PYTHONS]
        return [await resolve(adapter.key, recipe, version, platform, target=target) for target in targets]
    tools = [*([recipe.runner] if recipe.runner else []), *recipe.tools]
    return [
        await resolve(adapter.key, recipe, version, platform),
        *[await resolve_tool(tool, platform) for tool in tools],
    ]


def _stored(store: ArtifactStore) -> Iterator[StoredArtifact]:
    """Every intact CLI in the store, each platform's newest version first."""
    from ._agents import ROSTER
    from ._install.registries import newest_first

    for adapter in ROSTER:
        for platform in _platforms("all"):
            for version in newest_first(store.versions(adapter.key, platform)):
                for artifact in _artifacts(adapter, version, platform):
                    found = store.cached(artifact)
                    if found is not None:
                        yield found


def _artifacts(adapter: type[Adapter], version: str, platform: SandboxPlatform) -> Iterator[Artifact]:
    """What a version may be in the store as; of a Python package, for each Python."""
    from ._install import PYTHONS, Artifact, PythonPackage, Release, Target

    recipe = adapter.recipe
    assert recipe is not None
    if isinstance(recipe, PythonPackage):
        release = Release(recipe.package, version)
        for python in PYTHONS:
            yield Artifact(adapter.key, version, platform, release, recipe.member, target=Target(platform, python))
    else:
        release = Release(recipe.package_for(platform), recipe.release_version(version, platform))
        yield Artifact(adapter.key, version, platform, release, recipe.member_for(platform))


def _entry(stored: StoredArtifact) -> Entry:
    artifact = stored.artifact
    return Entry(
        agent=artifact.agent,
        version=f"{artifact.version} (Python {artifact.target.minor})" if artifact.target else artifact.version,
        platform=artifact.platform,
        size=sum(file.stat().st_size for file in stored.path.rglob("*") if file.is_file()),
        path=str(stored.binary),
        digest=stored.digest,
    )


def _size(entry: Entry) -> str:
    from rich.filesize import decimal

    return decimal(entry["size"])


def _print_table(entries: list[Entry]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("agent", "version", "platform"):
        table.add_column(column, no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("path", overflow="fold")
    for entry in entries:
        table.add_row(entry["agent"], entry["version"], entry["platform"], _size(entry), entry["path"])
    # In a pipe no line is broken: it may be meant for another program.
    Console(width=None if sys.stdout.isatty() else 4096, highlight=False, markup=False).print(table)
