"""What of the transcript is private to Inspect: spans of other tasks, and events that change once they are recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from inspect_ai.event import Event
from inspect_ai.log import transcript


def record(event: Event) -> None:
    """Add an event to the transcript."""
    transcript()._event(event)


def record_change(event: Event) -> None:
    """Have the transcript take in that an event, which it has, is another one now."""
    transcript()._event_updated(event)


def working_time() -> float:
    """Seconds for which the sample has worked so far."""
    from inspect_ai._util.working import sample_working_time

    return sample_working_time()


def current_span() -> str | None:
    """Id of the transcript's span that this task is in."""
    from inspect_ai.util._span import current_span_id

    return current_span_id()


def enter_span(span: str) -> None:
    """Have all further events of this task belong to a span."""
    from inspect_ai.util._span import _current_span_id

    _current_span_id.set(span)


@contextlib.contextmanager
def in_span(span: str | None) -> Iterator[None]:
    """Have events of this task belong to a span that another task is in; None changes nothing."""
    from inspect_ai.util._span import _current_span_id

    token = _current_span_id.set(span) if span else None
    try:
        yield
    finally:
        if token:
            _current_span_id.reset(token)
