"""The public factories and functions as text. `python -m tests.public_api` writes the snapshot."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typing_extensions import is_typeddict

import inspect_swe
from inspect_swe._agents import ROSTER

SNAPSHOT = Path(__file__).parent / "public_api.txt"

AGENTS = sorted(adapter.key for adapter in ROSTER)
INTERACTIVE = sorted(name for name in inspect_swe.__all__ if name.startswith("interactive_"))
BINARIES = ["cached_agent_binaries", "download_agent_binary", "download_wheels_tarball", "resolve_agent_version"]
OTHERS = ["nop", "oracle", "CentaurOptions", "RunResults", "ACPAgentParams", "acp_connection", "bridge_mcp_to_acp"]


def _lines_of(name: str) -> Iterator[str]:
    item = getattr(inspect_swe, name)
    if is_typeddict(item):
        yield f"class {name}(TypedDict, total={item.__total__}):"
        yield from (f"    {key}: {value.__forward_arg__}" for key, value in item.__annotations__.items())
        return
    annotations: dict[str, Any] = inspect.unwrap(item).__annotations__
    yield f"{'async ' if inspect.iscoroutinefunction(item) else ''}{name}("
    is_keyword_only = False
    for key, parameter in inspect.signature(item).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and not is_keyword_only:
            is_keyword_only = True
            yield "    *,"
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        yield f"    {stars}{key}: {annotations[key]}{default},"
    returned = annotations.get("return", name)
    yield f") -> {returned if isinstance(returned, str) else returned.__name__}"


def public_api() -> str:
    """Return the names, order, annotations and defaults of all parameters."""
    names = [*AGENTS, *INTERACTIVE, *BINARIES, *OTHERS]
    return "\n\n".join("\n".join(_lines_of(name)) for name in names) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(public_api())
