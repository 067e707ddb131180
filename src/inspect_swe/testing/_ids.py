"""Tool call ids of a scripted model, which may repeat or be empty, as with real servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ._errors import ScriptError

CallIds: TypeAlias = Callable[[int, int], str | None]
"""Function that returns a call's id from the index of the answer and the index of the call in it, both from 0.

None stands for a unique id.
"""

CALL_IDS: dict[str, CallIds] = {
    "unique": lambda answer, call: None,
    "per_answer": lambda answer, call: f"call_{call}",
    "constant": lambda answer, call: "call_0",
    "empty": lambda answer, call: "",
}
"""Id functions by name: unique, numbered from 0 in each answer, the same for all calls, empty."""


def call_ids_of(argument: object) -> CallIds:
    """Return the function for a `call_ids` argument.

    Args:
        argument: A function, or a name in `CALL_IDS`.

    Raises:
        ScriptError: The argument is neither.
    """
    if isinstance(argument, str) and argument in CALL_IDS:
        return CALL_IDS[argument]
    if callable(argument):
        function: CallIds = argument
        return function
    raise ScriptError(f"call_ids takes a function or one of {', '.join(CALL_IDS)}, not {argument!r}.")
