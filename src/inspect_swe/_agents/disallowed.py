"""Check the names of tools that users disallow: a misspelt one would disallow nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from .._contract.adapter import Adapter
from .._errors import AgentOptionError, closest
from .._packages.pins import Pins

logger = logging.getLogger(__name__)


def check_disallowed(adapter: type[Adapter], names: Sequence[str] | None, version: str) -> tuple[str, ...]:
    """Check `disallowed_tools` against the tools that the pinned CLI has.

    Names of MCP tools are not checked, nor is what stands in parentheses after a name, as in `Bash(git:*)`.

    Args:
        adapter: Knowledge of the CLI.
        names: What the user named.
        version: The version that the user asked for. Another one than the pinned may have other tools: then an
            unknown name is a warning.

    Returns:
        The names.

    Raises:
        AgentOptionError: The pinned CLI has no such tool.
    """
    for name in names or ():
        bare = re.sub(r"\(.*\)$", "", name, flags=re.DOTALL)
        if bare in adapter.tools or bare.startswith("mcp__"):
            continue
        near = closest(bare, adapter.tools)
        hint = f'did you mean "{near}"?' if near else f"its tools are {', '.join(sorted(adapter.tools))}."
        problem = f"disallowed_tools: {adapter.label} has no tool {name!r}"
        if version in ("auto", "stable", Pins.load().pin(adapter.key).version):
            raise AgentOptionError(f"{problem}.", hint=hint)
        logger.warning("%s in its pinned version: %s", problem, hint)
    return tuple(names or ())
