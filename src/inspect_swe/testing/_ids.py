"""How a scripted model numbers its tool calls: real servers repeat ids, or leave them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ._errors import ScriptError

CallIds: TypeAlias = Callable[[int, int], str | None]
"""Returns the id of a call from the number of the answer and the number of the call in it, both from 0.

None means an id that no other call of the model has.
"""

CALL_IDS: dict[str, CallIds] = {
    "unique": lambda answer, call: None,
    "per_answer": lambda answer, call: f"call_{call}",
    "constant": lambda answer, call: "call_0",
    "empty": lambda answer, call: "",
}
"""Ids by name: one of its own for each call, numbered anew in each answer, the same for all calls, none."""


def call_ids_of(given: object) -> CallIds:
    """Return the function that a `call_ids` argument stands for.

    Args:
        given: A function, or one of the names in `CALL_IDS`.

    Raises:
        ScriptError: It is neither.
    """
    if isinstance(given, str) and given in CALL_IDS:
        return CALL_IDS[given]
    if callable(given):
        function: CallIds = given
        return function
    raise ScriptError(f"call_ids takes a function or one of {', '.join(CALL_IDS)}, not {given!r}.")
