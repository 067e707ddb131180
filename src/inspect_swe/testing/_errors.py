"""What a scripted model raises."""

from __future__ import annotations

from inspect_swe._errors import AgentError


class ScriptError(AgentError, ValueError):
    """The script is unknown or malformed, or it calls a tool that the request does not offer.

    Carries HTTP status 400, so that Inspect's bridge answers a CLI with a client
    error, which no CLI retries for long.
    """

    status_code = 400


class ScriptedFailure(RuntimeError):
    """The provider error that a `fail` step plays.

    Args:
        status_code: HTTP status of the error.
        message: The provider's error message.
    """

    def __init__(self, status_code: int, message: str) -> None:
        self.status_code = status_code
        self.provider_message = message
        super().__init__(f"{message} (scripted, HTTP {status_code})")
