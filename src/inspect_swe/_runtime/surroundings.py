"""Sandbox variables that would break a CLI's own program: only the commands that it runs get them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from .._contract.adapter import Adapter, File, Launch, LaunchContext
from .._packages.recipes import NODE, NpmPackage
from .._sandbox.workspace import Workspace
from .provisioning import Installation

LOADER = ("GLIBC_TUNABLES", "LD_*")
NODE_READS = (*LOADER, "NODE_*", "OPENSSL_CONF", "OPENSSL_MODULES", "TMPDIR")
"""Variables that Node.js reads at startup, as names or patterns. `TMPDIR` counts only if its folder is not usable."""
BUN_READS = (*NODE_READS, "BUN_*")
PYTHON_READS = ("LD_AUDIT", "LD_DEBUG*", "LD_PRELOAD")
"""Variables that affect Python, besides `PYTHON*`, which `-I` covers. A sandbox's Python may need `LD_LIBRARY_PATH`."""

# In a sandbox that sets these, the CLI's own requests to web pages fail without them.
_HARMLESS = frozenset({"NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "NODE_USE_SYSTEM_CA"})

_READ = '[ -d "$TMPDIR" ] && [ -w "$TMPDIR" ] && echo usable || echo no; exec cat /proc/self/environ'
_PRELOAD = Path(__file__).with_name("surroundings.cjs")


async def read_withheld_env(
    adapter: Adapter, installation: Installation, workspace: Workspace, env: Mapping[str, str]
) -> dict[str, str]:
    """Return the sandbox variables that the CLI does not get, with their values.

    Args:
        adapter: The CLI's adapter, which names the variables.
        installation: The CLI. In our Node.js, `NODE_READS` applies. A CLI in the image's own Node.js keeps the image's
            environment.
        workspace: The sandbox.
        env: The user's variables, which the CLI does get.
    """
    patterns = NODE_READS if _runs_in_our_node(adapter, installation) else adapter.withholds
    present = [name for name in _matching(workspace.probe.variables, patterns) if name not in env]
    if not present:
        return {}
    _, output, _ = await workspace.capture(["sh", "-c", _READ])
    usable, _, environment = output.decode(errors="surrogateescape").partition("\n")
    values = dict(pair.split("=", 1) for pair in environment.split("\0") if "=" in pair)
    return {name: values[name] for name in present if name in values and not (name == "TMPDIR" and usable == "usable")}


def _runs_in_our_node(adapter: Adapter, installation: Installation) -> bool:
    recipe = adapter.recipe
    return isinstance(recipe, NpmPackage) and recipe.runner is NODE and installation.source != "sandbox"


def _matching(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    matches = {name for name in names for pattern in patterns if fnmatchcase(name, pattern)}
    return sorted(matches - _HARMLESS)


def preloaded(adapter: Adapter, installation: Installation, context: LaunchContext) -> LaunchContext:
    """Return the context with a command that preloads a script, which passes withheld variables to the CLI's commands.

    Only for a CLI in our Node.js. The context of any other CLI does not change.
    """
    if not context.withheld_env or not _runs_in_our_node(adapter, installation):
        return context
    node, *arguments = context.command
    return replace(context, command=(node, "--require", _script_path(context), *arguments))


def with_preload(context: LaunchContext, launch: Launch) -> Launch:
    """Return the launch with the files of the preloaded script, if `preloaded()` added it to the command."""
    if _script_path(context) not in context.command:
        return launch
    script, values = _PRELOAD.read_bytes(), json.dumps(dict(context.withheld_env)).encode()
    files = (File(_script_path(context), script), File(f"{context.config}/surroundings.json", values))
    return replace(launch, files=(*launch.files, *files))


def exports(variables: Mapping[str, str]) -> bytes:
    """Return a shell script that sets variables."""
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    return "".join(lines).encode(errors="surrogateescape")


def _script_path(context: LaunchContext) -> str:
    return f"{context.config}/surroundings.cjs"
