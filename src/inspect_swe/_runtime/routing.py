"""Protection of a CLI's route to the bridge against variables and settings of the sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from .._contract.adapter import Adapter
from .._errors import AgentOptionError, RoutingError
from .._sandbox.workspace import Workspace

_DIRECT = ("127.0.0.1", "localhost", "::1")
_NO_PROXY = ("NO_PROXY", "no_proxy")
# An unclosed string or comment extends to the end of the text, so that no text is slow to match.
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*(?:"|\\?\Z))|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_MOST = 1 << 20
"""Maximum size of a settings file in bytes."""

_READ = '[ -f "$1" ] && exec cat "$1"'


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
            hint="leave it out; `model` and `model_aliases` choose the models, and Inspect holds the credentials.",
        )


def direct(no_proxy: str) -> dict[str, str]:
    """Return variables that add the bridge to a list of addresses to reach without a proxy."""
    return dict.fromkeys(_NO_PROXY, ",".join(filter(None, [no_proxy, *_DIRECT])))


def with_direct(env: Mapping[str, str]) -> dict[str, str]:
    """Return the user's variables, with the bridge added to their `NO_PROXY` list, if they set one."""
    given = next((env[name] for name in _NO_PROXY if name in env), None)
    return dict(env) if given is None else {**env, **direct(given)}


async def check_files(adapter: Adapter, workspace: Workspace) -> None:
    """Check the files whose settings override ours.

    Raises:
        RoutingError: One of them would divert the CLI's model requests.
    """
    for path, pattern in adapter.outranked_by.items():
        place = _place(workspace, path)
        text = await _read(workspace, place)
        if text is not None and (found := re.search(pattern, text.decode(errors="replace"), re.MULTILINE)):
            raise RoutingError(
                f"{place} in the sandbox would send the model requests of {adapter.label} past Inspect, and its "
                f"settings win over those of this run: {found[0].strip()!r}.",
                hint="take that setting out of the file, in the image.",
            )


def _place(workspace: Workspace, path: str) -> str:
    roots = {"~": workspace.probe.home, ".": workspace.cwd}
    root, _, rest = path.partition("/")
    return f"{roots[root]}/{rest}" if root in roots else path


async def _read(workspace: Workspace, path: str) -> bytes | None:
    code, text, _ = await workspace.capture(["sh", "-c", _READ, "sh", path], most=_MOST)
    return text if code == 0 else None


async def combined(workspace: Workspace, path: str, content: bytes) -> bytes:
    """Merge JSON settings into those of a file in the sandbox, if the file exists. The given settings win.

    Raises:
        RoutingError: The file is not a JSON object.
    """
    if (text := await _read(workspace, path)) is None:
        return content
    try:
        base = json.loads(_COMMENT.sub(lambda found: found[1] or "", text.decode()))
        return json.dumps(_merged(base, json.loads(content))).encode()
    except (ValueError, AttributeError) as ex:
        raise RoutingError(
            f"{path} in the sandbox is not valid JSON, and its settings are combined with those of this run: {ex}",
            hint="correct or remove the file, in the image.",
        ) from ex


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in base.items() if name not in over}
    return kept | {
        name: _merged(base[name], value)
        if value and isinstance(value, dict) and isinstance(base.get(name), dict)
        else value
        for name, value in over.items()
    }
