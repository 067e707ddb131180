"""Files in an agent's private folder in the sandbox: configuration, skills and images."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator, Sequence
from pathlib import Path

from inspect_ai.tool import Skill

from .._contract.adapter import Launch, LaunchContext
from .._errors import AgentInstallError
from .._inspect.private import image_bytes
from .._sandbox.workspace import Workspace
from .routing import combined

_PREPARE = """
umask 077
mkdir -p "$1" || exit 1
config=$1; shift
while [ $# -gt 0 ]; do
  [ -e "$1" ] && [ ! -e "$config/$2" ] && mkdir -p "$(dirname "$config/$2")" && cp -R "$1" "$config/$2"
  shift 2
done
exit 0
"""


async def place_files(workspace: Workspace, context: LaunchContext, launch: Launch, skills: Sequence[Skill]) -> None:
    """Create the private folder, and write the launch's files and the skills into it.

    Raises:
        AgentInstallError: The folder cannot be created.
    """
    done = await workspace.shell(_PREPARE, context.config, *[word for pair in launch.inherit for word in pair])
    if done.code != 0:
        raise AgentInstallError(
            f"The folder {context.config} could not be created in the sandbox.", exit_code=done.code, stderr=done.stderr
        )
    for file in launch.files:
        settings = await combined(workspace, file.over, file.content) if file.over else file.content
        await workspace.write(file.path, settings, file.mode)
    if launch.skills is not None:
        for skill in skills:
            for path, content, mode in _files(skill, f"{launch.skills}/{skill.name}"):
                await workspace.write(path, content, mode)


async def place_images(workspace: Workspace, context: LaunchContext, images: Sequence[str]) -> tuple[str, ...]:
    """Write a prompt's images into the private folder.

    Args:
        workspace: The sandbox.
        context: The context with the private folder.
        images: Data URLs, URLs or paths on this host.

    Returns:
        The images' paths in the sandbox.
    """
    paths = []
    for image in images:
        data, mime = await image_bytes(image)
        path = f"{context.config}/images/{hashlib.sha256(data).hexdigest()[:16]}{mimetypes.guess_extension(mime) or ''}"
        await workspace.write(path, data, 0o600)
        paths.append(path)
    return tuple(paths)


def _files(skill: Skill, folder: str) -> Iterator[tuple[str, bytes | Path, int]]:
    yield f"{folder}/SKILL.md", skill.skill_md().encode(), 0o644
    for kind in ("scripts", "references", "assets"):
        for name, content in getattr(skill, kind).items():
            data = content.encode() if isinstance(content, str) else content
            yield f"{folder}/{kind}/{name}", data, 0o755 if kind == "scripts" else 0o644
