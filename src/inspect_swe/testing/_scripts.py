"""Registered scripts, and scripts from YAML or JSON files."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inspect_ai.model import ModelUsage
from pydantic import ValidationError

from ._errors import ScriptError
from ._steps import Call, ScriptStep, Shell, Step, Turn, checked_steps, cut, fail, finish, refuse, say, shell, wait

_SCRIPTS: dict[str, tuple[ScriptStep, ...]] = {
    "hello": (shell("printf 'Hello, world!' > hello.txt"), finish("I wrote hello.txt.")),
}


def register_script(name: str, steps: Sequence[ScriptStep]) -> None:
    """Make a script available as `--model scripted/NAME`.

    Call it at the top level of a task file: the model looks up its script at the first request.
    A script with the same name is replaced.

    Args:
        name: Name of the script.
        steps: Steps of the script.

    Raises:
        ScriptError: The name is empty, or an item in the list is not a step.

    Examples:
        ```python
        from inspect_swe.testing import finish, register_script, shell

        register_script("greet", [shell("echo hi > out.txt"), finish("Done.")])
        ```
    """
    if not name:
        raise ScriptError("A script needs a name.")
    _SCRIPTS[name] = checked_steps(steps)


def script_names() -> list[str]:
    """Return the sorted names of the available scripts."""
    return sorted(_SCRIPTS)


def named_script(name: str) -> tuple[ScriptStep, ...]:
    """Return the script with a name.

    Args:
        name: Name of the script.

    Raises:
        ScriptError: No script has the name.
    """
    if name not in _SCRIPTS:
        raise ScriptError(
            f"There is no script named '{name}'. Known scripts: {', '.join(script_names())}.",
            hint="Call register_script() in the task file, or pass a file with -M script=steps.yaml.",
        )
    return _SCRIPTS[name]


def load_script(script: object) -> tuple[ScriptStep, ...]:
    """Return the steps of a script from a model argument.

    Args:
        script: Path of a YAML or JSON file, or a list of steps and of mappings as in such a file.

    Raises:
        ScriptError: The file cannot be read, or an item in the list is not a step.
    """
    if isinstance(script, (str, Path)):
        return _parse_list(_read(Path(script)), str(script))
    return _parse_list(script, "script")


def _read(path: Path) -> object:
    try:
        text = path.expanduser().read_text(encoding="utf-8")
        # Imported by name: Inspect depends on PyYAML, but not on its type stubs.
        loads: Callable[[str], object] = (
            json.loads if path.suffix.lower() == ".json" else importlib.import_module("yaml").safe_load
        )
        return loads(text)
    except OSError as ex:
        raise ScriptError(f"The script {path} could not be read: {ex.strerror or ex}.") from ex
    except Exception as ex:
        raise ScriptError(f"The script {path} is not valid YAML or JSON: {ex}") from ex


def _parse_list(items: object, source: str) -> tuple[ScriptStep, ...]:
    if not isinstance(items, (list, tuple)):
        raise ScriptError(f"{source}: a script is a list of steps, not {items!r}.")
    return checked_steps(
        [
            _parse(item, f"{source}, step {number}") if isinstance(item, Mapping) else item
            for number, item in enumerate(items, 1)
        ]
    )


def _parse(item: Mapping[str, Any], where: str) -> Step:
    kinds = [key for key in item if key in _PARSERS]
    if len(kinds) != 1 or set(item) - {kinds[0], "usage"}:
        raise ScriptError(f"{where}: expected one of {', '.join(_PARSERS)} (and optionally usage), not {dict(item)!r}.")
    value = item[kinds[0]]
    fields = dict(value) if isinstance(value, Mapping) else {_PLAIN_FIELD[kinds[0]]: value}
    if "usage" in item:
        fields["usage"] = item["usage"]
    try:
        if "usage" in fields:
            fields["usage"] = ModelUsage.model_validate(fields["usage"])
        return _PARSERS[kinds[0]](fields, where)
    except ScriptError:
        raise
    except (TypeError, ValueError, ValidationError) as ex:
        raise ScriptError(f"{where}: {kinds[0]}: {ex}") from ex


def _parse_call(fields: dict[str, Any], where: str) -> Call:
    call = Call(**fields)
    if not isinstance(call.tool, str) or not isinstance(call.arguments, Mapping):
        raise TypeError("requires a tool name and a mapping of arguments")
    return call


def _parse_turn(fields: dict[str, Any], where: str) -> Turn:
    return Turn(_parse_calls(fields.pop("calls"), where), **fields)


def _with_calls(step: Callable[..., Step]) -> Callable[[dict[str, Any], str], Step]:
    def parse(fields: dict[str, Any], where: str) -> Step:
        calls = _parse_calls(fields.pop("calls", ()), where)
        return _text(lambda text, **more: step(text, *calls, **more), "text")(fields, where)

    return parse


def _parse_calls(items: Iterable[Any], where: str) -> tuple[Shell | Call, ...]:
    calls = [_parse(item, where) for item in items]
    if not all(isinstance(item, (Shell, Call)) for item in calls):
        raise TypeError("accepts only shell and call steps")
    return tuple(item for item in calls if isinstance(item, (Shell, Call)))


def _parse_wait(fields: dict[str, Any], where: str) -> Step:
    then = fields.pop("then", None)
    return wait(**fields, then=None if then is None else _parse(then, where))


def _text(step: Callable[..., Step], field: str) -> Callable[[dict[str, Any], str], Step]:
    def parse(fields: dict[str, Any], where: str) -> Step:
        if not isinstance(fields.get(field), str):
            raise TypeError(f"requires text, not {fields.get(field)!r}")
        return step(fields.pop(field), **fields)

    return parse


_PARSERS: dict[str, Callable[[dict[str, Any], str], Step]] = {
    "shell": _text(shell, "command"),
    "call": _parse_call,
    "turn": _parse_turn,
    "say": _text(say, "text"),
    "refuse": _with_calls(refuse),
    "cut": _with_calls(cut),
    "fail": lambda fields, where: fail(**fields),
    "wait": _parse_wait,
}

_PLAIN_FIELD = {
    "shell": "command",
    "call": "tool",
    "turn": "calls",
    "say": "text",
    "refuse": "text",
    "cut": "text",
    "fail": "status",
    "wait": "seconds",
}
