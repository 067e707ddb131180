"""Protection of a CLI's route to the bridge against variables and settings of the sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from .._contract.adapter import Adapter
from .._errors import AgentOptionError, RoutingError
from .._sandbox.read_files import read_files
from .._sandbox.workspace import Workspace

_DIRECT = ("127.0.0.1", "localhost", "::1")
_NO_PROXY = ("NO_PROXY", "no_proxy")
# An unclosed string or comment extends to the end of the text, so that no text is slow to match.
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*(?:"|\\?\Z))|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_MAX_BYTES = 1 << 20
"""Maximum size of a settings file."""


def diverting(adapter: Adapter, names: Iterable[str]) -> list[str]:
    """Return the variables that would divert an agent's model requests, sorted."""
    return sorted(name for name in names if any(fnmatchcase(name, pattern) for pattern in adapter.diverted_by))


def check_env(adapter: Adapter, env: Mapping[str, str]) -> None:
    """Check the user's variables.

    Raises:
        AgentOptionError: One of them would divert the CLI's model requests.
    """
    if names := diverting(adapter, env):
        raise AgentOptionError(
            f"env={names[0]!r} would send the model requests of {adapter.label} past Inspect.",
            hint="omit it; `model` and `model_aliases` choose the models, and Inspect holds the credentials.",
        )


def direct(no_proxy: str) -> dict[str, str]:
    """Return variables that add the bridge to a list of addresses to reach without a proxy."""
    return dict.fromkeys(_NO_PROXY, ",".join(filter(None, [no_proxy, *_DIRECT])))


def with_direct(env: Mapping[str, str]) -> dict[str, str]:
    """Return the user's variables, with the bridge added to their `NO_PROXY` list, if they set one."""
    addresses = next((env[name] for name in _NO_PROXY if name in env), None)
    return dict(env) if addresses is None else {**env, **direct(addresses)}


async def check_files(adapter: Adapter, workspace: Workspace) -> None:
    """Check the files whose settings override ours.

    Raises:
        RoutingError: One of them would divert the CLI's model requests.
    """
    paths = [_expanded(workspace, path) for path in adapter.outranked_by]
    contents = await _read(workspace, paths)
    for path, content, pattern in zip(paths, contents, adapter.outranked_by.values(), strict=True):
        match = re.search(pattern, content.decode(errors="replace"), re.MULTILINE) if content is not None else None
        if match is not None:
            raise RoutingError(
                f"{path} in the sandbox would send the model requests of {adapter.label} past Inspect, and its "
                f"settings win over those of this run: {match[0].strip()!r}.",
                hint="remove that setting from the file in the image.",
            )


def _expanded(workspace: Workspace, path: str) -> str:
    roots = {"~": workspace.probe.home, ".": workspace.cwd}
    root, _, rest = path.partition("/")
    return f"{roots[root]}/{rest}" if root in roots else path


async def _read(workspace: Workspace, paths: Sequence[str]) -> list[bytes | None]:
    """Return the files' contents, None for a missing or too large one."""
    total = len(paths) * (_MAX_BYTES + 1)
    contents = await read_files(workspace, paths, _MAX_BYTES, total, follow_links=True)
    return [content if content is not None and len(content) <= _MAX_BYTES else None for content in contents]


async def combined(workspace: Workspace, path: str, content: bytes) -> bytes:
    """Merge JSON settings into those of a file in the sandbox, if the file exists. The given settings win.

    Raises:
        RoutingError: The file is not a JSON object.
    """
    (settings,) = await _read(workspace, [path])
    if settings is None:
        return content
    try:
        base = json.loads(_COMMENT.sub(lambda match: match[1] or "", settings.decode()))
        return json.dumps(_merged(base, json.loads(content))).encode()
    except (ValueError, AttributeError) as ex:
        raise RoutingError(
            f"{path} in the sandbox is not valid JSON, so this run's settings cannot be merged into it: {ex}",
            hint="correct or remove the file, in the image.",
        ) from ex


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in base.items() if name not in over}
    return rest | {
        name: _merged(base[name], value)
        if value and isinstance(value, dict) and isinstance(base.get(name), dict)
        else value
        for name, value in over.items()
    }
