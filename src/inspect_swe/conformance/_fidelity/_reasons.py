"""Differences on purpose, with their reasons. The docs page has the same table."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Deliberate:
    """A difference on purpose.

    Args:
        path: The path, in which * stands for any text.
        reason: Why it differs.
        subjects: Names of subjects; empty for all.
    """

    path: str
    reason: str
    subjects: tuple[str, ...] = ()


_COUNTED = "Inspect counts tokens for the log, and the CLI for itself. No answer depends on it."
_NAMED = "Names the CLI, its session or its features to the vendor. No answer depends on it."
_WHOLE = "Inspect may wait for the whole answer, which is the same."
_SERVED = "The eval's model serves every name that the CLI knows models by."

DELIBERATE: tuple[Deliberate, ...] = (
    Deliberate("requests[POST /v1/messages/count_tokens]", _COUNTED),
    Deliberate("requests[POST *:countTokens]", _COUNTED),
    Deliberate("requests[POST /v1/responses] (probe)", "Inspect asks once whether it may see summaries of reasoning."),
    Deliberate("headers.x-claude-code-*", _NAMED),
    Deliberate("headers.x-codex-*", _NAMED),
    Deliberate("headers.x-client-request-id", _NAMED),
    Deliberate("headers.session-id", _NAMED),
    Deliberate("headers.thread-id", _NAMED),
    Deliberate("headers.originator", _NAMED),
    Deliberate("headers.x-session-*", _NAMED),
    Deliberate("headers.x-parent-session-id", _NAMED),
    Deliberate("headers.x-openai-subagent", _NAMED),
    Deliberate("headers.x-initiator", _NAMED),
    Deliberate("headers.x-interaction-*", _NAMED),
    Deliberate("body.client_metadata", _NAMED),
    Deliberate("body.sessionId", _NAMED),
    Deliberate("body.stream", _WHOLE),
    Deliberate("body.stream_options", _WHOLE),
    Deliberate("body.model", _SERVED, ("copilot_cli", "mini_swe_agent")),
    Deliberate("reply.model", _SERVED, ("copilot_cli", "mini_swe_agent")),
)
"""All differences on purpose."""


def reason_of(subject: str, path: str) -> str:
    """Return why a field differs on purpose; empty if it does not.

    Args:
        subject: Name of the subject.
        path: Path of the field.
    """
    fits = (each for each in DELIBERATE if not each.subjects or subject in each.subjects)
    return next((each.reason for each in fits if re.fullmatch(re.escape(each.path).replace(r"\*", ".*"), path)), "")
