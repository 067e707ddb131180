"""What several commands share. Imports nothing heavy."""

from __future__ import annotations

import platform as machine
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

if TYPE_CHECKING:
    from .._packages.platforms import SandboxPlatform

F = TypeVar("F", bound=Callable[..., Any])

# Repeated here so that `--help` loads nothing of the package; a test compares it with the real list.
PLATFORMS = ("linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl")


def json_option(command: F) -> F:
    """`--json`, for commands that print data."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def print_json(data: object) -> None:
    """Print data for machines."""
    import json

    click.echo(json.dumps(data, indent=2))


def platforms_of(choice: str | None) -> list[SandboxPlatform]:
    """The platforms that `--platform` means; without it, this machine's with glibc."""
    if choice == "all":
        return [cast("SandboxPlatform", platform) for platform in PLATFORMS]
    if choice is not None:
        return [cast("SandboxPlatform", choice)]
    from .._packages.platforms import sandbox_platform

    return [sandbox_platform(machine.machine(), musl=False)]


def check_names(names: Iterable[str], known: Iterable[str], parameter: str = "AGENT") -> None:
    """Refuse a name that isn't known, as a wrong command line; say which one is meant, if one is close."""
    from .._errors import closest

    known = list(known)
    for name in names:
        if name not in known:
            near = closest(name, known)
            hint = f"Did you mean {near!r}? " if near else ""
            listed = f"Known are: {', '.join(known)}."
            raise click.BadParameter(f"there is no {name!r}. {hint}{listed}", param_hint=parameter)
