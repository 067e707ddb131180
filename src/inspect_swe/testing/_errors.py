"""Errors of a scripted model."""

from __future__ import annotations

from inspect_swe._errors import AgentError


class ScriptError(AgentError, ValueError):
    """Error for an unknown or malformed script, or one that calls a tool that the request does not offer.

    The HTTP status is 400, so that Inspect's bridge sends the CLI a client error, which no CLI retries for long.
    """

    status_code = 400


class ScriptedFailure(RuntimeError):
    """Provider error from a `fail` step.

    Args:
        status_code: HTTP status of the error.
        message: The provider's error message.
    """

    def __init__(self, status_code: int, message: str) -> None:
        self.status_code = status_code
        self.provider_message = message
        super().__init__(f"{message} (scripted, HTTP {status_code})")
