"""The sandbox's own Python, for CLIs that are Python packages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._errors import AgentInstallError
from .._packages.platforms import SandboxPlatform
from .._packages.pypi.lock import PYTHONS
from .._packages.pypi.tags import Target
from .._sandbox.workspace import Transport

# Prints path, version and C library of each Python in the sandbox, or of the one that runs a given command.
_SCRIPT = r"""
tell='import platform, sys
print(sys.executable or sys.argv[1], "%d.%d.%d" % sys.version_info[:3], platform.libc_ver()[1] or "-")'
if [ -n "$1" ]; then
  for python in $(head -n 2 "$1" | grep -o '/[^ "]*python[0-9.]*'); do "$python" -I -c "$tell" "$python" && break; done
else
  for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
    python=$(command -v "$name" 2>/dev/null) && "$python" -I -c "$tell" "$python" 2>/dev/null
  done
fi
"""


@dataclass(frozen=True)
class Python:
    """A Python in the sandbox.

    Args:
        path: Its path.
        version: Its version, such as "3.11.2".
        glibc: The version of its C library, if that is glibc and known.
    """

    path: str
    version: str
    glibc: tuple[int, int] | None = None

    def target(self, platform: SandboxPlatform) -> Target:
        """Return the target that wheels have to match."""
        return Target(platform, self.version, self.glibc) if self.glibc else Target(platform, self.version)


async def python_of(command: str, transport: Transport) -> Python | None:
    """Return the Python that runs a command of the sandbox, or None if the command is not a Python script."""
    found = await _pythons(transport, command)
    return found[0] if found else None


async def usable_python(label: str, transport: Transport) -> Python:
    """Return a Python of the sandbox that can run a CLI.

    Args:
        label: The CLI's name, for the error message.
        transport: The sandbox's transport.

    Raises:
        AgentInstallError: The sandbox has no suitable Python.
    """
    found = await _pythons(transport, "")
    for python in found:
        if python.version.rpartition(".")[0] in PYTHONS:
            return python
    there = ", ".join(f"{python.path} ({python.version})" for python in found) or "none"
    raise AgentInstallError(
        f"{label} needs a Python from {PYTHONS[0]} to {PYTHONS[-1]} in the sandbox. It has: {there}.",
        hint="use an image with python3 on PATH (neither pip nor a network is needed).",
    )


async def _pythons(transport: Transport, command: str) -> list[Python]:
    done = await transport.run(["sh", "-c", _SCRIPT, "sh", command])
    rows = [line.split(" ") for line in done.stdout.splitlines()]
    return [Python(row[0], row[1], _glibc(row[2])) for row in rows if len(row) == 3]


def _glibc(version: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d+)\.(\d+)(\..*)?", version)
    return (int(match[1]), int(match[2])) if match else None
