"""Behaviours, and the list of all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..testing import CallIds, ScriptStep

if TYPE_CHECKING:
    from ._trial import Trial

Play = Callable[["Trial"], Awaitable[None]]

BEHAVIOURS: dict[str, Behaviour] = {}
"""All behaviours by name, in the order of the matrix. Several may share a run."""


class ConformanceError(Exception):
    """An agent does not behave as all agents must."""


class NotApplicable(Exception):
    """The behaviour does not apply to this agent; the text is the reason."""


@dataclass(frozen=True)
class Behaviour:
    """A behaviour that all agents must share.

    Args:
        name: Name of the behaviour.
        about: Expected behaviour, in one sentence.
        play: Function that runs the agent and checks the result.
        script: Script of the model.
        needs: Required options of the agent; without one of them the behaviour does not apply.
        minimal: Whether to use the minimal image.
        service: Changes to the compose service.
        setup: Set-up script of the sample.
        copies: True to copy the CLI into the container, which is the runtime's default; otherwise it may be mounted.
        lead: Tool names of another agent that calls this one.
        waits: Whether the run mostly waits; such runs start first.
        also: Other behaviours that are judged in the same run, by name, each with its expectation.
        call_ids: Function for the ids of the model's tool calls; None for unique ids.
    """

    name: str
    about: str
    play: Play
    script: Sequence[ScriptStep]
    needs: tuple[str, ...] = ()
    minimal: bool = False
    service: Mapping[str, Any] = field(default_factory=dict)
    setup: str | None = None
    copies: bool = False
    lead: tuple[str, ...] = ()
    waits: bool = False
    also: Mapping[str, str] = field(default_factory=dict)
    call_ids: CallIds | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all behaviours that are judged in the run."""
        return (self.name, *self.also)


def behaviour(script: Sequence[ScriptStep], **details: Any) -> Callable[[Play], Play]:
    """Register a function as a behaviour; its docstring is the expectation.

    Args:
        script: Script of the model.
        **details: Other fields of `Behaviour`.
    """

    def register(play: Play) -> Play:
        name = play.__name__
        registered = Behaviour(name, (play.__doc__ or "").strip(), play, script, **details)
        BEHAVIOURS.update(dict.fromkeys(registered.names, registered))
        return play

    return register


def check(holds: object, message: str) -> None:
    """Raise a `ConformanceError` unless a condition holds.

    Args:
        holds: Condition.
        message: Message of the error.
    """
    if not holds:
        raise ConformanceError(message)
