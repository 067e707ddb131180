"""Validation of disallowed tool names: a misspelt name would disable nothing."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from .._contract.adapter import Adapter
from .._errors import AgentOptionError, closest
from .._packages.pins import Pins

logger = logging.getLogger(__name__)


def check_disallowed(adapter: type[Adapter], names: Sequence[str] | None, version: str) -> tuple[str, ...]:
    """Check `disallowed_tools` against the tools of the pinned CLI.

    Names of MCP tools are not checked, nor is an argument pattern in parentheses, as in `Bash(git:*)`.

    Args:
        adapter: Adapter of the CLI.
        names: Names that the user disallowed.
        version: Version that the user requested. A version other than the pinned one may have other tools: then an
            unknown name is only a warning.

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
