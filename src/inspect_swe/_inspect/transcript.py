"""Private parts of Inspect's transcript: spans of other tasks, and updates of recorded events.

If an inspect_ai release moved a name, the transcript lacks the parts that need it, and a warning is logged.
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
    """Update an event in the transcript."""
    _tell("_event_updated", event)


def _tell(method: str, event: Event) -> None:
    tell: Callable[[Event], None] | None = getattr(transcript(), method, None)
    if tell is None:
        warn_absent("the transcript lacks events")
    else:
        tell(event)


def working_time() -> float:
    """Return the sample's working time in seconds."""
    try:
        from inspect_ai._util.working import sample_working_time
    except ImportError:
        with contextlib.suppress(RuntimeError):  # there is no sample
            return sample_limits().working.usage
        return 0.0
    return sample_working_time()


def current_span() -> str | None:
    """Return the id of this task's span in the transcript."""
    try:
        from inspect_ai.util._span import current_span_id
    except ImportError:
        warn_absent(_NO_SPANS)
        return None
    return current_span_id()


def enter_agent_span(span: str) -> None:
    """Record all further events of this task in a sub-agent's span, whose conversation this task continues."""
    if (here := _span_here()) is not None:
        here.set(span)
    try:
        from inspect_ai.util._span import _current_agent_span_id
    except ImportError:
        warn_absent("sentinels take the requests of sub-agents for those of the agent")
        return
    _current_agent_span_id.set(span)


@contextlib.contextmanager
def in_span(span: str | None) -> Iterator[None]:
    """Record this task's events in another task's span while the block runs; None changes nothing."""
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
