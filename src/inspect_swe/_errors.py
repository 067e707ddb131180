"""Typed errors: each has the cause, the end of the output, and a hint.

AgentError
├── AgentOptionError
├── EntryPointError
├── InspectVersionError
├── AgentInstallError
│   ├── RegistryError
│   ├── UnknownVersionError
│   └── DigestMismatchError
├── SandboxUnsupportedError
├── SandboxDiedError
├── AgentStartError
│   └── RoutingError
├── AgentPolicyError
├── AgentCrashError
├── ProviderError
│   ├── ProviderRateLimitError
│   └── ProviderQuotaError
├── ToolsMissingError
├── ExportError
├── ComparisonError
├── SessionMismatchError
├── SessionRestoreError
├── SessionClosedError
├── SnapshotTooLargeError
├── SolutionError
└── ACPError
    ├── SessionStartError (also an AgentStartError)
    ├── AgentExitedError (also an AgentCrashError)
    ├── TurnFailedError
    └── TurnActiveError
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAIL_LINES = 20
_TAIL_CHARS = 4000


class AgentError(RuntimeError):
    """Base class of all errors that inspect_swe raises on purpose.

    Args:
        message: The problem, in one sentence.
        hint: Advice for the reader.
        exit_code: Exit code of the failed process, if any; -N after signal N.
        stdout: The process' standard output (only the tail is shown).
        stderr: The process' standard error (only the tail is shown).

    `agent` and `version` identify the CLI, if one was already chosen.
    """

    agent: str | None = None
    version: str | None = None

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        exit_code: int | None = None,
        stdout: str = "",
        stderr: str = "",
    ) -> None:
        self.summary = message
        self.hint = hint
        self.exit_code = exit_code
        self.stdout = tail(stdout)
        self.stderr = tail(stderr)
        self._show()

    def set_agent(self, agent: str, version: str | None) -> None:
        """Set the CLI that the error belongs to, unless it is set."""
        if self.agent is None:
            self.agent, self.version = agent, version
            self._show()

    def set_output(self, stdout: str, stderr: str) -> None:
        """Set the CLI's output, unless the error has output."""
        if not (self.stdout or self.stderr):
            self.stdout, self.stderr = tail(stdout), tail(stderr)
            self._show()

    def _show(self) -> None:
        # Inspect shows this attribute in its logs.
        self.message = self._render()
        self.args = (self.message,)

    def _render(self) -> str:
        parts = [self.summary]
        if self.agent is not None:
            parts.append(f"Agent: {' '.join(filter(None, [self.agent, self.version]))}.")
        if self.exit_code is not None:
            parts.append(f"Exit code: {self.exit_code}.")
        for name, text in (("stdout", self.stdout), ("stderr", self.stderr)):
            if text:
                parts.append(f"--- end of {name} ---\n{text}")
        if self.hint:
            parts.append(f"What to do: {self.hint}")
        return "\n".join(parts)


class AgentOptionError(AgentError, ValueError):
    """An argument of an agent factory is wrong or contradicts another one."""


class EntryPointError(AgentError):
    """A registered agent of another package cannot be used."""


class InspectVersionError(AgentError):
    """The installed inspect_ai lacks an internal name that a feature requires."""


class AgentInstallError(AgentError):
    """The agent's CLI could not be found, fetched or placed in the sandbox."""


class RegistryError(AgentInstallError):
    """The package registry could not be reached, or its answer was invalid."""


class UnknownVersionError(AgentInstallError):
    """The requested version is not in the registry."""


class DigestMismatchError(AgentInstallError):
    """A download does not match the pinned digest; nothing of it was stored."""


class SandboxUnsupportedError(AgentError):
    """The sandbox lacks a requirement of all agents (a shell, a writable folder) or of this one (a library)."""


class SandboxDiedError(AgentError):
    """The sandbox, or our connection to it, ended while the agent was running."""


class AgentStartError(AgentError):
    """The CLI could not be started."""


class AgentPolicyError(AgentError):
    """Settings in the sandbox forbid the mode that the CLI was started in, so that it could not do its work.

    Args:
        message: The problem, in one sentence.
        files: Paths of the settings files in the sandbox that forbid the mode.
        **details: As for `AgentError`.
    """

    def __init__(self, message: str, *, files: tuple[str, ...] = (), **details: object) -> None:
        self.files = files
        super().__init__(message, **details)  # type: ignore[arg-type]


class RoutingError(AgentStartError):
    """A file in the sandbox would divert the CLI's model requests from the bridge, and cannot be overridden."""


class AgentCrashError(AgentError):
    """The CLI crashed and could not be resumed."""


class ProviderError(AgentError):
    """The CLI gave up because the model provider answered with an error.

    Args:
        message: The problem, in one sentence.
        status: HTTP status of the provider's answer, if any.
        **details: As for `AgentError`.
    """

    def __init__(self, message: str, *, status: int | None = None, **details: object) -> None:
        self.status = status
        super().__init__(message, **details)  # type: ignore[arg-type]


class ProviderRateLimitError(ProviderError):
    """The model provider's rate limit still applied after Inspect's retries."""


class ProviderQuotaError(ProviderError):
    """The provider account has no quota or credit left: retries don't help."""


class ToolsMissingError(AgentError):
    """The CLI's first model request lacked an MCP tool of the agent."""


class ExportError(AgentError):
    """A log cannot be read, or contains nothing to export."""


class ComparisonError(AgentError):
    """Logs cannot be read or compared, or the extra `report` is not installed."""


class SessionMismatchError(AgentError):
    """A saved session of the sample cannot be resumed by this agent here."""


class SessionRestoreError(AgentError):
    """A session to resume is missing, could not be restored, or is not found by its CLI."""


class SessionClosedError(AgentError):
    """A session was used after it had ended."""


class SnapshotTooLargeError(AgentError):
    """A snapshot does not fit into the sandbox's free space."""


class SolutionError(AgentError):
    """A sample has no solution that `oracle()` can run, or the solution exceeded its time limit."""


class ACPError(AgentError):
    """Base class of the errors of interactive agents."""


class SessionStartError(ACPError, AgentStartError):
    """An interactive agent could not be started, or its session could not be opened.

    Args:
        message: The problem, in one sentence.
        phase: Phase that failed: "start", "initialize", "session" or "mode".
        **details: As for `AgentError`.
    """

    def __init__(self, message: str, *, phase: str, **details: object) -> None:
        self.phase = phase
        super().__init__(message, **details)  # type: ignore[arg-type]


class AgentExitedError(ACPError, AgentCrashError):
    """An interactive agent's process has exited or cannot be reached."""


class TurnFailedError(ACPError):
    """An interactive agent answered a prompt with an error.

    Args:
        message: The problem, in one sentence.
        code: ACP's error code.
        data: Additional data of the error.
        **details: As for `AgentError`.
    """

    def __init__(self, message: str, *, code: int | None = None, data: object = None, **details: object) -> None:
        self.code = code
        self.data = data
        super().__init__(message, **details)  # type: ignore[arg-type]


class TurnActiveError(ACPError):
    """A prompt was sent while another turn is active."""


def tail(text: str, lines: int = _TAIL_LINES, chars: int = _TAIL_CHARS) -> str:
    """Return the last lines of a text, at most `chars` characters."""
    end = "\n".join(text.rstrip().splitlines()[-lines:])
    return end if len(end) <= chars else "…" + end[-chars:]


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to a misspelt one, if any, ignoring case."""
    names = {each.lower(): each for each in known}
    matches = difflib.get_close_matches(name.lower(), names, n=1)
    return names[matches[0]] if matches else None
