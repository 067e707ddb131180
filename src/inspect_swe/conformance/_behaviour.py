"""What a behaviour is, and the list of all of them."""

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
    """The behaviour does not apply to this agent; the text says why."""


@dataclass(frozen=True)
class Behaviour:
    """One thing that every agent must do alike.

    Args:
        name: Its name.
        about: What is expected, in a sentence.
        play: Runs the agent and checks what it did.
        script: What the model does.
        needs: Options of the agent that it takes; an agent without one of them is excused.
        minimal: Whether it runs in the minimal image.
        service: Changes to the compose service.
        setup: Set-up script of the sample.
        copies: Whether the CLI is copied into the container, as it is by default; otherwise it may be mounted.
        lead: Names of the tools of another agent, which leads this one.
        waits: Whether it spends most of its time waiting; such a one is begun first.
        also: Names of behaviours that are judged in the same run, each with what is expected.
        call_ids: Ids of the model's tool calls, if not one of its own for each.
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
        """All that its run is judged by."""
        return (self.name, *self.also)


def behaviour(script: Sequence[ScriptStep], **details: Any) -> Callable[[Play], Play]:
    """Make a behaviour of a function; its docstring says what is expected.

    Args:
        script: What the model does.
        **details: More fields of `Behaviour`.
    """

    def register(play: Play) -> Play:
        name = play.__name__
        made = Behaviour(name, (play.__doc__ or "").strip(), play, script, **details)
        BEHAVIOURS.update(dict.fromkeys(made.names, made))
        return play

    return register


def check(holds: object, message: str) -> None:
    """Require something.

    Args:
        holds: Whether it holds.
        message: What is wrong if it does not.
    """
    if not holds:
        raise ConformanceError(message)
