"""What of the transcript is private to Inspect: spans of other tasks, and events that change once they are recorded.

Where an inspect_ai release has moved a name, the transcript lacks what needs it, and a warning says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from inspect_ai.event import Event
from inspect_ai.log import transcript
from inspect_ai.util import sample_limits

from .release import warn_absent


def record(event: Event) -> None:
    """Add an event to the transcript."""
    _tell("_event", event)


def record_change(event: Event) -> None:
    """Update an event that the transcript has."""
    _tell("_event_updated", event)


def _tell(method: str, event: Event) -> None:
    tell: Callable[[Event], None] | None = getattr(transcript(), method, None)
    if tell is None:
        warn_absent("the transcript lacks events")
    else:
        tell(event)


def working_time() -> float:
    """Seconds for which the sample has worked so far."""
    try:
        from inspect_ai._util.working import sample_working_time
    except ImportError:
        with contextlib.suppress(RuntimeError):  # there is no sample
            return sample_limits().working.usage
        return 0.0
    return sample_working_time()


def current_span() -> str | None:
    """Id of the transcript's span that this task is in."""
    try:
        from inspect_ai.util._span import current_span_id
    except ImportError:
        warn_absent(_NO_SPANS)
        return None
    return current_span_id()


def enter_span(span: str) -> None:
    """Put all further events of this task into a span."""
    if (here := _span_here()) is not None:
        here.set(span)


@contextlib.contextmanager
def in_span(span: str | None) -> Iterator[None]:
    """Put events of this task into a span that another task is in; None changes nothing."""
    here = _span_here() if span else None
    token = here.set(span) if here else None
    try:
        yield
    finally:
        if here and token:
            here.reset(token)


_NO_SPANS = "events in the transcript are not grouped by attempt and sub-agent"


def _span_here() -> ContextVar[Any] | None:
    try:
        from inspect_ai.util._span import _current_span_id
    except ImportError:
        warn_absent(_NO_SPANS)
        return None
    return _current_span_id
