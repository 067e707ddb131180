"""`inspect-swe pins`: the pinned versions, their verification against registries, and updates for a checkout."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import check_names, json_option, print_json

if TYPE_CHECKING:
    from rich.progress import Progress

    from .._packages.pins import Pins
    from .._packages.pypi.lock import Lock
    from .._store.pins_verify import Checked


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def pins(context: click.Context, as_json: bool) -> None:
    """Show the versions that this release was tested with, or verify or update their digests."""
    if context.invoked_subcommand is None:
        context.invoke(show, as_json=as_json)


@pins.command()
@json_option
def show(as_json: bool) -> None:
    """Show the pinned versions."""
    from .._packages.pins import Pins
    from .._store.pins_update import pins_text

    pinned = Pins.load().pins
    if as_json:
        click.echo(pins_text(Pins(pinned)), nl=False)
        return
    from rich.table import Table

    from .._cli_inventory import console

    table = Table("name", "version", "packages", box=None, pad_edge=False)
    locks = _locks(Pins(pinned))
    for name, pin in pinned.items():
        packages = sorted({release.file or release.package for release in (*pin.releases.values(), *pin.parts)})
        if name in locks:
            packages = [f"{len(locks[name].wheels)} wheels, for Python {', '.join(locks[name].pythons)}"]
        table.add_row(name, pin.version, ", ".join(packages))
    console().print(table)


@pins.command()
@json_option
def verify(as_json: bool) -> None:
    """Compare every pinned digest with your registries. Exits with 1 if one is not confirmed."""
    from .._packages.npm.config import NpmConfig
    from .._packages.npm.registry import NpmRegistry
    from .._packages.pins import Pins
    from .._packages.pypi.config import PipConfig
    from .._packages.pypi.index import PyPIIndex
    from .._store.pins_verify import compare_pins

    pinned = Pins.load()
    with PyPIIndex(PipConfig.load()) as index, _progress("Querying the registries") as progress:
        registry = NpmRegistry(NpmConfig.load())
        checked = compare_pins(
            pinned,
            _locks(pinned),
            registry,
            index,
            lambda done, total: progress.update(progress.task_ids[0], completed=done, total=total),
        )
    if as_json:
        print_json([dataclasses.asdict(check) for check in checked])
    else:
        _print_checked(checked)
    if any(check.answer != "same" for check in checked):
        raise SystemExit(1)


@pins.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option("--version", metavar="X.Y.Z", help="This version instead of the newest. Requires one NAME.")
@click.option("--dry-run", is_flag=True, help="Write nothing.")
@json_option
def update(names: tuple[str, ...], version: str | None, dry_run: bool, as_json: bool) -> None:
    """Pin the newest version of each NAME (default: all) in a checkout of this package, with its digests.

    Programs that agents need stay in their major version. Test the new versions before you commit them: `make test`.
    """
    import threading

    import semver

    from .._cli_inventory import RECIPES, TOOLS
    from .._packages.npm.config import NpmConfig
    from .._packages.npm.registry import NpmRegistry
    from .._packages.pins import PINS_FILE, Pins
    from .._packages.pypi.config import PipConfig
    from .._packages.pypi.index import PyPIIndex
    from .._packages.recipes import PythonPackage
    from .._store.pins_update import PinMaker, pins_text

    if version is not None and len(names) != 1:
        raise click.UsageError("--version requires one NAME.")
    if version is not None and not semver.Version.is_valid(version):
        raise click.BadParameter(f"{version!r} is not a version.", param_hint="--version")
    old = Pins.load().pins
    check_names(names, list(old))
    _check_checkout(PINS_FILE)
    sources = {**RECIPES, **TOOLS}
    new, locks = dict(old), {}
    with PyPIIndex(PipConfig.load()) as index, _progress("Querying the registries") as progress:
        maker = PinMaker(NpmRegistry(NpmConfig.load()), index, threading.Event())
        for name in progress.track(names or tuple(old), task_id=progress.task_ids[0]):
            source = sources[name]
            new[name] = maker.pin(name, source, old[name], version)
            if isinstance(source, PythonPackage):
                locks[name] = maker.lock(source, new[name].version)
    if not dry_run:
        # All or nothing: every step that can fail is done.
        for name, lock in locks.items():
            _lock_file(name).write_text(lock.text(), encoding="utf-8")
        PINS_FILE.write_text(pins_text(Pins(new)), encoding="utf-8")
    changes = [{"name": name, "from": old[name].version, "to": pin.version} for name, pin in new.items()]
    if as_json:
        print_json(changes)
        return
    for change in changes:
        same = change["from"] == change["to"]
        click.echo(f"{change['name']}: {change['from']}" + (" (unchanged)" if same else f" -> {change['to']}"))


def _check_checkout(file: Path) -> None:
    from .._errors import AgentInstallError

    if not (file.parents[3] / "pyproject.toml").is_file():
        raise AgentInstallError(
            f"{file} belongs to an installed package, whose pins can't be changed.",
            hint="run this in a checkout of the repository, installed with `pip install -e .`.",
        )


def _lock_file(name: str) -> Path:
    from .._packages.pins import PINS_FILE

    return PINS_FILE.with_name("locks") / f"{name}.json"


def _locks(pins: Pins) -> dict[str, Lock]:
    """Return the locks of pinned Python packages."""
    from .._packages.pypi.lock import Lock

    return {name: Lock.load(_lock_file(name)) for name in pins.pins if _lock_file(name).is_file()}


def _print_checked(checked: list[Checked]) -> None:
    from rich.table import Table

    from .._cli_inventory import console

    table = Table("name", "version", "digests", "as pinned", box=None, pad_edge=False)
    for name, version in dict.fromkeys((check.name, check.version) for check in checked):
        checks = [check for check in checked if check.name == name]
        table.add_row(name, version, str(len(checks)), str(sum(check.answer == "same" for check in checks)))
    console().print(table)
    for check in checked:
        if check.answer != "same":
            digests = f" (pinned {check.pinned}, registry {check.stated})" if check.stated else ""
            click.echo(
                f"{check.name}: {check.what}: {check.answer}{digests}" + (f": {check.error}" if check.error else "")
            )


def _progress(title: str) -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    progress.add_task(title, total=None)
    return progress
