"""Images that contain agents' CLIs where the runtime looks for them: for registries and Kubernetes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import anyio.to_thread
from rich.console import Console

from .._errors import AgentInstallError, SandboxUnsupportedError
from .._folders import temporary_folder
from .._packages.platforms import SandboxPlatform
from .._sandbox.image import image_facts
from .._sandbox.probe import PROVIDED
from .._sandbox.transports.docker import engine
from .._store.store import StoredArtifact
from .selection import AgentChoice, Place, copies, resolve_choices

_HINTS = {
    "pull": "check the image's name, and that its registry is reachable.",
    "build": "check that `docker build` works on this machine with BuildKit (the buildx plugin).",
}


async def build_image(
    base: str,
    agents: Sequence[AgentChoice],
    tag: str,
    *,
    platforms: Sequence[SandboxPlatform] | None = None,
) -> list[StoredArtifact]:
    """Build an image that contains agents' CLIs. Nothing runs in it: the build needs no network.

    Args:
        base: Base image. It is pulled if the engine doesn't have it.
        agents: Names, names and versions, or agents.
        tag: Name of the new image.
        platforms: Platforms of the image (default: detected in it).

    Returns:
        The artifacts that were added.

    Raises:
        AgentOptionError: An agent or version does not exist.
        AgentInstallError: A CLI can't be fetched, or the image can't be built.
        SandboxUnsupportedError: No Docker engine is reachable.
    """
    resolve_choices(agents)
    place = await anyio.to_thread.run_sync(_place, base)
    if platforms is not None:
        place = Place(tuple(platforms), place.pythons)
    parts = await copies(agents, [place])
    await anyio.to_thread.run_sync(_build, base, parts, tag)
    return parts


def dockerfile(base: str, parts: Mapping[str, StoredArtifact]) -> str:
    """Return the Dockerfile of an image with agents' CLIs.

    Args:
        base: Base image.
        parts: The CLIs and the programs they need, by the names of their build contexts.
    """
    # Linked layers don't depend on the base image, so registries store each once for all images.
    lines = [f"COPY --link --from={name} . {PROVIDED}/{stored.artifact.folder}/" for name, stored in parts.items()]
    return "\n".join([f"FROM {base}", *lines, ""])


def _place(base: str) -> Place:
    client: Any = engine()
    if client is None:
        raise SandboxUnsupportedError("No Docker engine is reachable.", hint="start it, or set DOCKER_HOST.")
    facts = image_facts(client, base)
    if facts is None:
        _docker("pull", base, "--quiet", base)
        facts = image_facts(client, base)
    if facts is None:
        raise AgentInstallError(f"The engine has no image {base}.")
    return Place.of(facts)


def _build(base: str, parts: Sequence[StoredArtifact], tag: str) -> None:
    names = {f"copy{number}": stored for number, stored in enumerate(parts)}
    contexts = [f"--build-context={name}={stored.path.parent}" for name, stored in names.items()]
    with temporary_folder() as folder:
        file = folder / "Dockerfile"
        file.write_text(dockerfile(base, names), encoding="utf-8")
        _docker("build", tag, "--quiet", "--network=none", f"--tag={tag}", *contexts, str(folder))


def _docker(what: str, image: str, *arguments: str) -> None:
    try:
        with Console(stderr=True).status(f"docker {what} {image}"):
            done = subprocess.run(["docker", what, *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise AgentInstallError(
            f"The docker command could not be run: {error}", hint="install the docker command."
        ) from error
    if done.returncode != 0:
        problem, hint = f"`docker {what}` of {image} failed.", _HINTS[what]
        raise AgentInstallError(problem, hint=hint, exit_code=done.returncode, stderr=done.stderr)
