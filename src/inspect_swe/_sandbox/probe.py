"""Facts about a sandbox, read by one command that runs in any POSIX shell."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from .._errors import SandboxUnsupportedError

PROVIDED = "/opt/inspect-swe"
"""Folder of the CLIs that come with the sandbox, mounted or in its image."""
MARKER = "copy.json"
"""Name of the file in such a CLI's folder (AGENT/VERSION-PLATFORM) that describes it in one line."""
SESSION_PATH = "/var/tmp/.inspect-swe/resume"
"""Path, without suffix, of a session that comes with the sample: its files (.tgz) and its description (.json)."""

# busybox and dash both run this; only a shell is required.
_SCRIPT = r"""
say() { printf '%s=%s\n' "$1" "$2"; }
token=$1; provided=$2; marker=$3; session=$4; shift 4
root=$(stat -c %d / 2>/dev/null)
say uid "$(id -u 2>/dev/null || echo 0)"
say gid "$(id -g 2>/dev/null || echo 0)"
say home "${HOME:-/}"
say cwd "$(pwd)"
say path "${PATH:-}"
say no_proxy "${NO_PROXY:-${no_proxy:-}}"
say variables "$(env 2>/dev/null | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p' | tr '\n' ' ')"
say machine "$(uname -m)"
libc=unknown
for f in /lib/ld-musl-*.so.1; do [ -e "$f" ] && libc=musl; done
for f in /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* /lib/*-linux-gnu/ld-linux-*.so.*; do
  [ -e "$f" ] && libc=glibc
done
say libc "$libc"
[ -r "$session.tgz" ] && [ -r "$session.json" ] && say session_manifest "$(cat "$session.json")"
for c in "$@"; do say "command:$c" "$(command -v "$c" 2>/dev/null)"; done
for m in "$provided"/*/*/"$marker"; do
  [ -r "$m" ] || continue
  how=mount
  [ "$root" = "$(stat -c %d "${m%/*}" 2>/dev/null)" ] && how=image
  text=$(cat "$m"); file=${text#*'"file": "'}; file=${m%/*}/${file%%'"'*}
  size=
  [ -f "$file" ] && [ -r "$file" ] && [ -x "$file" ] && size=$(stat -c %s "$file" 2>/dev/null || wc -c <"$file")
  say "copy:$how:$size:${m%/*}" "$text"
done
for d in /var/tmp /tmp "${HOME:-/}" /dev/shm; do
  [ "$d" = / ] && continue
  base=$d/.agent-$(id -u 2>/dev/null || echo 0)
  (umask 077; mkdir -p "$base/$token") 2>/dev/null || continue
  chmod 700 "$base" 2>/dev/null
  { printf '#!/bin/sh\nexit 0\n' >"$base/$token/try" && chmod 700 "$base/$token/try"; } 2>/dev/null || continue
  if "$base/$token/try" 2>/dev/null; then
    rm -f "$base/$token/try"
    say base "$base"
    [ -n "$root" ] && [ "$root" = "$(stat -c %d "$base" 2>/dev/null)" ] && say rootfs yes
    break
  fi
  rm -rf "$base/$token"; rmdir "$base" 2>/dev/null
done
say end yes
"""

MAX_OUTPUT = 16 << 20
"""Output limit of a short command, in bytes."""

_ALWAYS = {"uid", "gid", "home", "cwd", "path", "no_proxy", "machine", "libc", "end"}


@dataclass(frozen=True)
class Completed:
    """The result of a command.

    Args:
        code: Exit code.
        stdout: Standard output.
        stderr: Standard error.
    """

    code: int
    stdout: str
    stderr: str


class Copy(NamedTuple):
    """A CLI that comes with the sandbox.

    Args:
        source: Its origin: "mount" or "image".
        folder: Its folder.
        marker: Its description, from the marker file.
        size: Size in bytes of the executable that the marker names, or "" if that can't be run.
    """

    source: str
    folder: str
    marker: str
    size: str


class Runner(Protocol):
    """A function that runs a command in the sandbox to completion, as the agent's user and in its working directory."""

    async def __call__(self, argv: list[str]) -> Completed: ...


@dataclass(frozen=True)
class Probe:
    """Facts about a sandbox, from the agent's user's point of view.

    Args:
        token: Identifies this session's processes and folder in the sandbox.
        uid: Numeric user id.
        gid: Numeric group id.
        home: Home directory.
        cwd: Working directory that commands start in.
        path: The image's PATH.
        no_proxy: The image's NO_PROXY.
        machine: `uname -m`.
        musl: Whether musl is the C library, and no glibc loader exists.
        base: This package's folder, which is writable and allows execution.
        rootfs: Whether `base` is on the container's root file system (not a tmpfs or volume).
        commands: Paths of the commands found on PATH, by name.
        copies: CLIs that come with the sandbox.
        session_manifest: Description of the session that comes with the sample, if any.
        variables: Names of the variables in the sandbox's environment.
    """

    token: str
    uid: int
    gid: int
    home: str
    cwd: str
    path: str
    no_proxy: str
    machine: str
    musl: bool
    base: str
    rootfs: bool
    commands: dict[str, str] = field(default_factory=dict)
    copies: tuple[Copy, ...] = ()
    session_manifest: str | None = None
    variables: frozenset[str] = frozenset()

    @property
    def scratch(self) -> str:
        """The session's folder."""
        return f"{self.base}/{self.token}"

    @property
    def relay(self) -> str:
        """The path of the relay."""
        return f"{self.scratch}/relay"


async def probe_sandbox(run: Runner, commands: list[str], user: str | None = None) -> Probe:
    """Read the facts about a sandbox.

    Args:
        run: Runs a command in the sandbox.
        commands: Commands to look for on PATH.
        user: User that `run` runs commands as, for error messages.

    Raises:
        SandboxUnsupportedError: There is no shell, no such user, or no folder that is writable and allows execution.
    """
    token = secrets.token_hex(8)
    done = await run(["sh", "-c", _SCRIPT, "sh", token, PROVIDED, MARKER, SESSION_PATH, *commands])
    facts = dict(line.split("=", 1) for line in done.stdout.split("\n") if "=" in line)
    if not facts.keys() >= _ALWAYS:
        as_user = f" as user {user!r}: the image has no such user, or no `sh`." if user else ": there is no `sh` in it."
        raise SandboxUnsupportedError(
            f"The sandbox cannot run a shell{as_user}",
            hint="use an image with a POSIX shell (busybox is enough)"
            + (", and name a user of the image (or a numeric uid)." if user else "."),
            exit_code=done.code,
            stdout=done.stdout,
            stderr=done.stderr,
        )
    if "base" not in facts:
        raise SandboxUnsupportedError(
            f"The sandbox has no folder where user {facts['uid']} may write and execute files "
            f"(tried /var/tmp, /tmp, {facts['home']}, /dev/shm).",
            hint="mount a tmpfs with `exec` on /tmp, or give the user a writable home directory.",
        )
    return Probe(
        token=token,
        uid=int(facts["uid"]),
        gid=int(facts["gid"]),
        home=facts["home"],
        cwd=facts["cwd"],
        path=facts["path"],
        no_proxy=facts["no_proxy"],
        machine=facts["machine"],
        musl=facts["libc"] == "musl",
        base=facts["base"],
        rootfs=facts.get("rootfs") == "yes",
        commands={c: facts[f"command:{c}"] for c in commands if facts.get(f"command:{c}")},
        copies=_copies(facts),
        session_manifest=facts.get("session_manifest"),
        variables=frozenset(facts.get("variables", "").split()),
    )


def _copies(facts: dict[str, str]) -> tuple[Copy, ...]:
    markers = [(name.split(":", 3), marker) for name, marker in facts.items() if name.startswith("copy:")]
    return tuple(Copy(source, folder, marker, size.strip()) for (_, source, size, folder), marker in markers)
