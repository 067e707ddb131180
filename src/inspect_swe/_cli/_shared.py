"""Helpers that several commands share, without heavy imports."""

from __future__ import annotations

import platform as machine
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from .._packages.platforms import SandboxPlatform

F = TypeVar("F", bound=Callable[..., Any])

# Repeated here so that `--help` imports nothing else of the package; a test compares it with the real list.
PLATFORMS = ("linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl")


def json_option(command: F) -> F:
    """Add the option `--json` to a command that prints data."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def print_json(data: object) -> None:
    """Print data as JSON."""
    import json

    click.echo(json.dumps(data, indent=2))


def platforms_of(choice: str | None) -> list[SandboxPlatform]:
    """Return the platforms that `--platform` selects; without it, this machine's with glibc."""
    if choice == "all":
        return [cast("SandboxPlatform", platform) for platform in PLATFORMS]
    if choice is not None:
        return [cast("SandboxPlatform", choice)]
    from .._packages.platforms import sandbox_platform

    return [sandbox_platform(machine.machine(), musl=False)]


def check_names(names: Iterable[str], known: Iterable[str], parameter: str = "AGENT") -> None:
    """Reject unknown names as a usage error, with the closest known name as a suggestion."""
    from .._errors import closest

    known = list(known)
    for name in names:
        if name not in known:
            near = closest(name, known)
            hint = f"Did you mean {near!r}? " if near else ""
            listed = f"Known names: {', '.join(known)}."
            raise click.BadParameter(f"there is no {name!r}. {hint}{listed}", param_hint=parameter)
