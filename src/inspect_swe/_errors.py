"""Typed errors: each names the cause, shows the output's tail and says what to do."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAIL_LINES = 20
_TAIL_CHARS = 4000


class AgentError(RuntimeError):
    """Base of every error that inspect_swe raises on purpose.

    Args:
        message: What went wrong, in one sentence.
        hint: What the reader can do about it.
        exit_code: Exit code of the process that failed, if one did; -N where signal N ended it.
        stdout: Its standard output (only the tail is shown).
        stderr: Its standard error (only the tail is shown).

    `agent` and `version` say which CLI it happened to, where one had been chosen already.
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

    def happened_to(self, agent: str, version: str | None) -> None:
        """Say which CLI it happened to, unless that is known."""
        if self.agent is None:
            self.agent, self.version = agent, version
            self._show()

    def printed(self, stdout: str, stderr: str) -> None:
        """Say what the CLI had printed, unless there is output already."""
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
    """An agent that another package announces cannot be used."""


class InspectVersionError(AgentError):
    """The installed inspect_ai lacks an internal name that a feature cannot do without."""


class AgentInstallError(AgentError):
    """The agent's CLI could not be found, fetched or placed in the sandbox."""


class RegistryError(AgentInstallError):
    """The package registry could not be reached, or its answer was of no use."""


class UnknownVersionError(AgentInstallError):
    """The registry does not know the version that was asked for."""


class DigestMismatchError(AgentInstallError):
    """What was downloaded is not what the pinned digest says; nothing of it was kept."""


class SandboxUnsupportedError(AgentError):
    """The sandbox lacks something that no agent (a shell, a writable folder) or this one (a library) can do without."""


class SandboxDiedError(AgentError):
    """The sandbox, or our connection to it, ended while the agent was running."""


class AgentStartError(AgentError):
    """The CLI could not be started."""


class AgentPolicyError(AgentError):
    """Settings in the sandbox forbid the mode that the CLI was started in, so that it could not do its work.

    Args:
        message: What went wrong, in one sentence.
        files: The settings files in the sandbox that forbid it.
        **details: As for `AgentError`.
    """

    def __init__(self, message: str, *, files: tuple[str, ...] = (), **details: object) -> None:
        self.files = files
        super().__init__(message, **details)  # type: ignore[arg-type]


class RoutingError(AgentStartError):
    """A file in the sandbox would send the CLI's model requests past the bridge, and cannot be outranked."""


class AgentCrashError(AgentError):
    """The CLI ended abnormally and could not be resumed."""


class ProviderError(AgentError):
    """The CLI gave up because the model provider answered with an error.

    Args:
        message: What went wrong, in one sentence.
        status: HTTP status of the provider's answer, if it had one.
        **details: As for `AgentError`.
    """

    def __init__(self, message: str, *, status: int | None = None, **details: object) -> None:
        self.status = status
        super().__init__(message, **details)  # type: ignore[arg-type]


class ProviderRateLimitError(ProviderError):
    """The model provider's rate limit was still met after Inspect had retried."""


class ProviderQuotaError(ProviderError):
    """The account with the model provider has no quota or credit left: no retry helps."""


class ToolsMissingError(AgentError):
    """The CLI's first model request did not offer an MCP tool that the agent was given."""


class ExportError(AgentError):
    """A log cannot be read, or has nothing of what is to be exported."""


class SessionMismatchError(AgentError):
    """A session that came with the sample is not one that this agent can go on with here."""


class SessionRestoreError(AgentError):
    """A session that was to be gone on with is not there, could not be put back, or its CLI does not find it."""


class SessionClosedError(AgentError):
    """A session was used after it had ended."""


class SnapshotTooLargeError(AgentError):
    """A snapshot does not fit into the sandbox's free space."""


class SolutionError(AgentError):
    """A sample has no solution that `oracle()` could run, or one that does not come to an end."""


class ACPError(AgentError):
    """Base of the errors of interactive agents."""


class SessionStartError(ACPError, AgentStartError):
    """An interactive agent could not be started, or its session not be opened.

    Args:
        message: What went wrong, in one sentence.
        phase: What was being done: "start", "initialize", "session" or "mode".
        **details: As for `AgentError`.
    """

    def __init__(self, message: str, *, phase: str, **details: object) -> None:
        self.phase = phase
        super().__init__(message, **details)  # type: ignore[arg-type]


class AgentExitedError(ACPError, AgentCrashError):
    """An interactive agent's process has ended, or cannot be reached any more."""


class TurnFailedError(ACPError):
    """An interactive agent answered a prompt with an error.

    Args:
        message: What went wrong, in one sentence.
        code: ACP's error code.
        data: What the agent said besides.
        **details: As for `AgentError`.
    """

    def __init__(self, message: str, *, code: int | None = None, data: object = None, **details: object) -> None:
        self.code = code
        self.data = data
        super().__init__(message, **details)  # type: ignore[arg-type]


class TurnActiveError(ACPError):
    """A prompt was given while another one is being worked on."""


def tail(text: str, lines: int = _TAIL_LINES, chars: int = _TAIL_CHARS) -> str:
    """The last lines of a text, at most `chars` characters."""
    kept = "\n".join(text.rstrip().splitlines()[-lines:])
    return kept if len(kept) <= chars else "…" + kept[-chars:]


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a misspelt one most likely means, if one is close; upper and lower case are alike."""
    names = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), names, n=1)
    return names[found[0]] if found else None
