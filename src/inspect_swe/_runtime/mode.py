"""Comparison of the mode that a CLI reports with the mode that it was started in."""

from __future__ import annotations

import re
from typing import Literal

from .._contract.adapter import ModePolicy
from .._errors import AgentPolicyError
from .._sandbox.workspace import Workspace

_MAX_LINE = 256 << 10

_FILES_THAT_FORBID = 'pattern=$1; shift; grep -rlsE -e "$pattern" "$@" </dev/null; exit 0'


class ModeWatch:
    """A watcher of a CLI's output for the mode that it reports.

    Args:
        policy: The mode that the CLI was started in; None disables the watcher.
    """

    def __init__(self, policy: ModePolicy | None) -> None:
        self.refused: str | None = None
        self._policy = policy
        self._report = re.compile(policy.report.encode()) if policy and policy.report else None
        self._lines = {"stdout": b"", "stderr": b""}

    def add(self, stream: Literal["stdout", "stderr"], chunk: bytes) -> bool:
        """Read the next chunk of a stream.

        Returns:
            True if the chunk reports another mode, for the first time.
        """
        if self._report is None or self.refused is not None:
            return False
        *lines, rest = (self._lines[stream] + chunk).split(b"\n")
        self._lines[stream] = rest[:_MAX_LINE]
        self.refused = next(filter(None, map(self._refusal, lines)), None)
        return self.refused is not None

    def _refusal(self, line: bytes) -> str | None:
        assert self._policy is not None and self._report is not None
        if (match := self._report.search(line)) is None:
            return None
        groups = {name: text.decode(errors="replace") for name, text in match.groupdict(b"").items()}
        if "mode" not in groups:
            return groups.get("said") or line.decode(errors="replace")
        return None if groups["mode"] == self._policy.mode else f"it runs in the mode {groups['mode']!r}"


async def policy_error(workspace: Workspace, label: str, policy: ModePolicy | None, refused: str) -> AgentPolicyError:
    """Return the error for a CLI that does not run in its mode, with the files that forbid the mode.

    Args:
        workspace: The sandbox.
        label: The agent's name.
        policy: The mode that it was started in; None if it has none.
        refused: The CLI's report.
    """
    if policy is None:
        return AgentPolicyError(f"{label} could not work: {refused}.")
    listed = await workspace.shell(_FILES_THAT_FORBID, policy.setting, *policy.files)
    files = tuple(dict.fromkeys(listed.stdout.splitlines()))
    reason = f"forbidden by {', '.join(files)}" if files else f"found no reason in {', '.join(policy.files)}"
    hint = "remove the setting from these files; the sandbox itself limits what the agent may do."
    return AgentPolicyError(
        f"{label} was started in the mode {policy.mode!r} and refused it ({reason}): {refused}",
        files=files,
        hint=f"{hint} {policy.hint}".rstrip(),
    )
