"""Differences on purpose, with their reasons. The docs page has the same table."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from ._record import Recording


@dataclass(frozen=True)
class Deliberate:
    """A difference on purpose.

    Args:
        path: Pattern of the paths.
        reason: Why it differs.
        dialects: Wire formats; empty for all.
        subjects: Names of subjects; empty for all.
    """

    path: str
    reason: str
    dialects: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


DELIBERATE: tuple[Deliberate, ...] = (
    Deliberate(
        "requests[[]POST /v1/messages/count_tokens]",
        "Inspect counts the tokens of thinking for the log. No answer depends on it.",
        ("anthropic",),
    ),
    *(
        Deliberate(
            path, "Names the CLI, its session and its features to the vendor; no answer depends on it.", ("responses",)
        )
        for path in (
            "headers.x-codex-*",
            "headers.x-client-request-id",
            "headers.session-id",
            "headers.thread-id",
            "headers.originator",
            "body.client_metadata",
        )
    ),
    Deliberate("body.stream", "Inspect may wait for the whole answer; its content is the same."),
    Deliberate("body.stream_options", "Inspect may wait for the whole answer; its content is the same."),
    Deliberate(
        "requests[[]POST /v1/responses]",
        "Inspect asks once per model whether the account may see summaries of reasoning.",
        ("responses",),
    ),
)
"""All differences on purpose."""


def reason_of(subject: str, direct: Recording, path: str) -> str:
    """Return why a field differs on purpose; empty if it does not.

    Args:
        subject: Name of the subject.
        direct: Its run without Inspect.
        path: Path of the field.
    """
    spoken = {call.dialect for call in direct.calls()}
    for each in DELIBERATE:
        fits = (not each.dialects or spoken & {*each.dialects}) and (not each.subjects or subject in each.subjects)
        if fits and fnmatchcase(path, each.path):
            return each.reason
    return ""
