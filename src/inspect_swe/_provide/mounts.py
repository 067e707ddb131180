"""Docker sandboxes that mount the CLIs from the store: nothing is copied, and the page cache is shared."""

from __future__ import annotations

import functools
import hashlib
import logging
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio.to_thread
import yaml  # type: ignore[import-untyped]
from anyio.from_thread import start_blocking_portal
from docker.errors import DockerException
from inspect_ai.util import ComposeConfig, ComposeService, SandboxEnvironmentSpec, is_compose_yaml, is_dockerfile

from .._errors import AgentOptionError, SandboxUnsupportedError
from .._folders import CACHE_VARIABLE, working_folder, write_cached
from .._packages.platforms import SandboxPlatform
from .._sandbox.image import image_facts
from .._sandbox.probe import PROVIDED
from .._sandbox.transports.docker import engine
from .._store.store import StoredArtifact
from .selection import AgentChoice, Place, copies, resolve_choices

logger = logging.getLogger(__name__)

Sandbox = str | tuple[str, str] | SandboxEnvironmentSpec | ComposeConfig | None

# Inspect looks for these files in a task's folder, in this order; else it creates a container of this image.
_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml", "Dockerfile")
_IMAGE = "aisiuk/inspect-tool-support"
# Inspect refuses host mounts in a container that could remount them writable.
_REMOUNTS = ("SYS_ADMIN", "ALL")

# An idle container, in which commands are run, like Inspect's own default.
_IDLE: dict[str, Any] = {
    "command": "tail -f /dev/null",
    "init": True,
    "network_mode": "none",
    "stop_grace_period": "1s",
}


def with_agents(
    sandbox: Sandbox,
    agents: Sequence[AgentChoice],
    *,
    services: Sequence[str] | None = None,
    platforms: Sequence[SandboxPlatform] | None = None,
) -> SandboxEnvironmentSpec:
    """Return a Docker sandbox in which agents find their CLIs, as read-only mounts of the store.

    CLIs that the store lacks are downloaded first, with a progress bar. This blocks, as the code of a task may; use
    `with_agents_async()` in code that runs beside other tasks.

    Args:
        sandbox: A compose file or a Dockerfile, a value that `Task(sandbox=...)` takes for Docker, or a compose
            configuration. None means the file that Inspect would find in the current folder.
        agents: The agents: names ("claude_code"), names and versions (("claude_code", "2.1.329")), or agents.
        services: Services that get the mounts (default: all that may have mounts).
        platforms: Platforms of the containers (default: those of the images, if the engine has them; otherwise both
            glibc and musl for the engine's processor).

    Returns:
        The sandbox, for `Task(sandbox=...)` or `Sample(sandbox=...)`.

    Raises:
        AgentOptionError: The sandbox is not a Docker one, or an agent, version, file or service does not exist.
        AgentInstallError: A CLI can't be fetched.
        SandboxUnsupportedError: The Docker engine is unreachable, or doesn't share this machine's files.

    Examples:
        ```python
        from inspect_ai import Task, task

        from inspect_swe import claude_code, with_agents


        @task
        def mounted() -> Task:
            return Task(solver=claude_code(), sandbox=with_agents("compose.yaml", ["claude_code"]))
        ```
    """
    call = functools.partial(with_agents_async, sandbox, agents, services=services, platforms=platforms)
    # In a separate thread: the code of a task may be called in a running event loop.
    with start_blocking_portal() as portal:
        return portal.call(call)


async def with_agents_async(
    sandbox: Sandbox,
    agents: Sequence[AgentChoice],
    *,
    services: Sequence[str] | None = None,
    platforms: Sequence[SandboxPlatform] | None = None,
) -> SandboxEnvironmentSpec:
    """Return the sandbox of `with_agents()` without blocking other tasks.

    Args:
        sandbox: See `with_agents()`.
        agents: See `with_agents()`.
        services: See `with_agents()`.
        platforms: See `with_agents()`.
    """
    resolve_choices(agents)
    source = await anyio.to_thread.run_sync(_source, sandbox)
    document = await anyio.to_thread.run_sync(_document, source)
    mounts = await _mounts_of(document, agents, services, platforms)
    if isinstance(source, Path):
        return SandboxEnvironmentSpec("docker", await anyio.to_thread.run_sync(_overlay, source, document, mounts))
    return SandboxEnvironmentSpec("docker", ComposeConfig.model_validate(_with_mounts(document, mounts)))


async def compose_with_agents(
    file: str,
    agents: Sequence[AgentChoice],
    *,
    services: Sequence[str] | None = None,
    platforms: Sequence[SandboxPlatform] | None = None,
) -> str:
    """Return the text of a compose file with the mounts of `with_agents()`; relative paths stay relative.

    Args:
        file: Path of the compose file.
        agents: See `with_agents()`.
        services: See `with_agents()`.
        platforms: See `with_agents()`.
    """
    resolve_choices(agents)
    document = await anyio.to_thread.run_sync(_document, Path(file))
    mounts = await _mounts_of(document, agents, services, platforms)
    return str(yaml.safe_dump(_with_mounts(document, mounts), sort_keys=False))


def _source(sandbox: Sandbox) -> Path | ComposeConfig:
    """Return the compose file or configuration of a sandbox."""
    if isinstance(sandbox, tuple):
        sandbox = SandboxEnvironmentSpec(*sandbox)
    if isinstance(sandbox, SandboxEnvironmentSpec):
        if sandbox.type != "docker":
            raise AgentOptionError(
                f"CLIs cannot be mounted into a sandbox of type {sandbox.type!r}.",
                hint="build an image with the agents instead: `inspect-swe image`.",
            )
        sandbox = sandbox.config
    if isinstance(sandbox, ComposeConfig):
        return sandbox
    if sandbox is None or sandbox == "docker":
        sandbox = next((name for name in _NAMES if Path(name).is_file()), None)
    if sandbox is None:
        return ComposeConfig.model_validate({"services": {"default": {"image": _IMAGE, **_IDLE}}})
    file = working_folder() / sandbox if isinstance(sandbox, str) else None
    if file is None or not (is_compose_yaml(file.name) or is_dockerfile(file.name)):
        raise AgentOptionError(f"{sandbox!r} is neither a compose file nor a Dockerfile.")
    if not file.is_file():
        raise AgentOptionError(f"{file} does not exist.", hint="pass the path of a compose file or a Dockerfile.")
    if is_compose_yaml(file.name):
        return file
    build = {"context": _path_in_compose(file.parent), "dockerfile": file.name}
    return ComposeConfig.model_validate({"services": {"default": {"build": build, **_IDLE}}})


def _document(source: Path | ComposeConfig) -> dict[str, Any]:
    if isinstance(source, ComposeConfig):
        return source.model_dump(mode="json", by_alias=True, exclude_none=True)
    try:
        document = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise AgentOptionError(f"{source} could not be read: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("services"), dict):
        raise AgentOptionError(f"{source} has no `services`.", hint="pass the path of a compose file.")
    return document


async def _mounts_of(
    document: Mapping[str, Any],
    agents: Sequence[AgentChoice],
    services: Sequence[str] | None,
    platforms: Sequence[SandboxPlatform] | None,
) -> dict[str, list[dict[str, Any]]]:
    """Return the mounts of each service that gets any."""
    names = _services(document, services)
    selected = {name: document["services"][name] or {} for name in names}
    if platforms is not None:
        places = [Place(tuple(platforms))]
    else:
        places = await anyio.to_thread.run_sync(_places, list(selected.values()))
    parts = await copies(agents, places)
    return {name: [_mount(stored) for stored in parts] for name in names}


def _services(document: Mapping[str, Any], requested: Sequence[str] | None) -> list[str]:
    defined = document["services"]
    unknown = [name for name in requested or () if name not in defined]
    if unknown:
        raise AgentOptionError(f"There is no service {unknown[0]!r}.", hint=f"services: {', '.join(defined)}.")
    settings = document.get("x-inspect_docker_sandbox") or {}
    if settings.get("unsafe_allow_writable_host_mounts") is True:
        return list(requested or defined)
    barred = [name for name in requested or defined if _can_remount(defined[name] or {})]
    if barred:
        logger.warning(
            "CLIs are copied into %s instead of mounted: Inspect allows no mounts in privileged containers.",
            ", ".join(barred),
        )
    return [name for name in requested or defined if name not in barred]


def _can_remount(service: Mapping[str, Any]) -> bool:
    added = [str(name).upper().removeprefix("CAP_") for name in service.get("cap_add") or []]
    return bool(service.get("privileged")) or any(name in _REMOUNTS for name in added)


def _places(services: Sequence[Mapping[str, Any]]) -> list[Place]:
    client = engine()
    if client is None:
        raise SandboxUnsupportedError(
            "No Docker engine that shares this machine's files is reachable, so CLIs cannot be mounted.",
            hint="start one, or for a remote engine build an image with the agents: `inspect-swe image`.",
        )
    try:
        places = {_place(client, service) for service in services}
    except (DockerException, OSError) as error:
        raise SandboxUnsupportedError(f"The Docker engine failed: {error}") from error
    return sorted(places, key=str)


def _place(client: Any, service: Mapping[str, Any]) -> Place:
    image = service.get("image")
    facts = image_facts(client, image) if isinstance(image, str) and "build" not in service else None
    if facts is not None:
        return Place.of(facts)
    platform = service.get("platform")
    return Place.on(str(platform).split("/")[1] if platform else client.version()["Arch"])


def _path_in_compose(path: Path | str) -> str:
    """Return a host path as written in a compose file."""
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AgentOptionError(
            f"The path {text!r} is not UTF-8, so a compose file cannot contain it.",
            hint=f"set {CACHE_VARIABLE}, XDG_CACHE_HOME or the compose file's folder to a path in UTF-8.",
        ) from error
    return text.replace("$", "$$")  # Otherwise compose expands variables.


def _mount(stored: StoredArtifact) -> dict[str, Any]:
    return {
        "type": "bind",
        "source": _path_in_compose(stored.path.parent),
        "target": f"{PROVIDED}/{stored.artifact.folder}",
        "read_only": True,
        # An engine that doesn't share this machine's files must fail instead of mounting an empty folder.
        "bind": {"create_host_path": False},
    }


def _with_mounts(document: Mapping[str, Any], mounts_by_service: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    services = dict(document["services"])
    for name, mounts in mounts_by_service.items():
        service = services[name] or {}
        services[name] = {**service, "volumes": [*(service.get("volumes") or []), *mounts]}
    return {**document, "services": services}


def _overlay(file: Path, document: Mapping[str, Any], mounts: Mapping[str, list[dict[str, Any]]]) -> str:
    """Write a compose file that includes another one and adds mounts, so that the other one need not be interpreted."""
    overlay = _written("overlay", yaml.safe_dump({"services": {name: {"volumes": m} for name, m in mounts.items()}}))
    included = {
        # Settings of an included file don't apply to the whole project.
        **{key: value for key, value in document.items() if key.startswith("x-")},
        "include": [
            {
                "path": [_path_in_compose(file), _path_in_compose(overlay)],
                "project_directory": _path_in_compose(file.parent),
            }
        ],
    }
    # Inspect scans the text of the file for image names and sample metadata.
    comment = "".join(
        f"# {line}\n"
        for line in [f"{_path_in_compose(file)}, with mounts:", *file.read_text(encoding="utf-8").splitlines()]
    )
    return _written("compose", comment + yaml.safe_dump(included, sort_keys=False))


def _written(kind: str, text: str) -> str:
    """Write a private file with this text, named after its digest."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return str(write_cached(f"compose/{digest}-{kind}.yaml", text))


def image_service(image: str, here: bool, **settings: Any) -> ComposeService:
    """Return a service of an image without network access.

    Args:
        image: Name of the image.
        here: Whether the engine has the image; a locally built one cannot be pulled.
        **settings: Further settings of the service.
    """
    local = {"x-local": True} if here else {}
    return ComposeService.model_validate({**_IDLE, "image": image, "working_dir": "/workspace", **local, **settings})


def is_here(image: str) -> bool:
    """Return whether the engine has an image."""
    command = ["docker", "image", "inspect", image]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
