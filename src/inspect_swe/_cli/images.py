"""`inspect-swe compose` and `inspect-swe image`: CLIs provided with the sandbox."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

from ._shared import PLATFORMS, json_option, print_json

if TYPE_CHECKING:
    from .._packages.platforms import SandboxPlatform
    from .._provide import AgentChoice

_agents = click.option(
    "--agent",
    "agents",
    multiple=True,
    required=True,
    metavar="NAME[@VERSION]",
    help="An agent, such as claude_code. Can be repeated.",
)
_version = click.option(
    "--version",
    default="stable",
    show_default=True,
    metavar="stable|latest|X.Y.Z",
    help="Version of agents specified without @VERSION.",
)
_platforms = click.option(
    "--platform",
    "platforms",
    multiple=True,
    type=click.Choice(PLATFORMS),
    help="Platform of the sandbox. Can be repeated.  [default: the image's]",
)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@_agents
@_version
@_platforms
@click.option(
    "--service", "services", multiple=True, help="Service that gets the mounts. Can be repeated.  [default: all]"
)
def compose(
    file: str, agents: tuple[str, ...], version: str, platforms: tuple[str, ...], services: tuple[str, ...]
) -> None:
    """Print the compose FILE, with the agents' CLIs mounted into its services from the store."""
    import anyio

    from .._provide import compose_with_agents

    call = functools.partial(
        compose_with_agents,
        file,
        _choices(agents, version),
        services=services or None,
        platforms=_platforms_or_none(platforms),
    )
    click.echo(anyio.run(call), nl=False)


@click.command()
@click.argument("base")
@_agents
@click.option("--tag", required=True, help="Name of the new image.")
@_version
@_platforms
@json_option
def image(
    base: str, agents: tuple[str, ...], tag: str, version: str, platforms: tuple[str, ...], as_json: bool
) -> None:
    """Build an image from BASE that contains the agents' CLIs."""
    import anyio

    from .._provide import build_image

    call = functools.partial(build_image, base, _choices(agents, version), tag, platforms=_platforms_or_none(platforms))
    parts = [stored.artifact for stored in anyio.run(call)]
    rows = [{"name": part.agent, "version": part.version, "platform": part.platform} for part in parts]
    if as_json:
        print_json({"image": tag, "copies": rows})
    else:
        click.echo(f"{tag}: {', '.join(' '.join(row.values()) for row in rows)}")


def _choices(agents: Sequence[str], version: str) -> list[AgentChoice]:
    pairs = [agent.partition("@") for agent in agents]
    return [(name, own or version) for name, _, own in pairs]


def _platforms_or_none(platforms: Sequence[str]) -> list[SandboxPlatform] | None:
    return [cast("SandboxPlatform", platform) for platform in platforms] or None
