"""Conversion of option values to the types of their parameters."""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import functools
import json
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from inspect_ai.agent import AgentAttempts, BridgedToolsSpec
from inspect_ai.model import CompactionEdit, CompactionStrategy, CompactionTrim
from inspect_ai.tool import MCPServerConfig, MCPServerConfigHTTP, MCPServerConfigStdio, Tool, ToolDef
from pydantic import BaseModel, BeforeValidator, ConfigDict, InstanceOf, TypeAdapter, ValidationError

from .._errors import closest
from .._inspect.private import is_tool

_LISTS = (list, collections.abc.Sequence)
_MAPPINGS = (dict, collections.abc.Mapping)
_UNIONS = (Union, types.UnionType)
_NOUNS: Mapping[Any, tuple[str, str]] = {
    str: ("a string", "strings"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false"),
    Path: ("a path", "paths"),
    Tool: ("a tool", "tools"),
    type(None): ("None", "None"),
}


def coerce(value: Any, annotation: Any) -> Any:
    """Convert a value to a type. A value of that type does not change.

    Numbers become strings, and numeric text becomes a number, as the type requires. JSON text becomes a list or a
    mapping, and a single value becomes a list of one.

    Args:
        value: The value.
        annotation: The type.

    Raises:
        ValueError: The value cannot be converted. The message has a reason if the type alone does not explain it.
    """
    reason = ""
    for candidate in _readings(value, annotation):
        try:
            return _adapter(annotation).validate_python(candidate)
        except ValidationError as ex:
            reason = reason or _reason(ex, candidate)
    raise ValueError(reason)


def accepted(annotation: Any) -> str:
    """Describe the values that a type accepts."""
    return _listed(list(dict.fromkeys(_described(each) + _as_text(each) for each in _members(annotation))))


def _as_text(annotation: Any) -> str:
    is_mapping = get_origin(annotation) in _MAPPINGS or dataclasses.is_dataclass(annotation)
    return " (or its JSON text)" if is_mapping else ""


def choices(annotation: Any) -> list[str]:
    """List the values of a type's literals."""
    return [each for member in _members(annotation) if get_origin(member) is Literal for each in get_args(member)]


def _listed(texts: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _readings(value: Any, annotation: Any) -> Iterator[Any]:
    """Yield the value, then its other possible readings."""
    yield value
    is_list = any(get_origin(each) in _LISTS for each in _members(annotation))
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            parsed = json.loads(value)
        except ValueError:
            pass
        else:
            yield parsed
            if is_list:
                yield [parsed]
    if is_list and not isinstance(value, (list, tuple)):
        yield [value]


def _members(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, or the type itself if it is not a union."""
    if get_origin(annotation) in _UNIONS:
        for each in get_args(annotation):
            yield from _members(each)
    else:
        yield annotation


def _described(annotation: Any, plural: bool = False) -> str:
    if annotation in _NOUNS:
        return _NOUNS[annotation][plural]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _listed([json.dumps(each) for each in arguments])
    if origin in _LISTS:
        items = [_described(each, plural=True) for each in _members(arguments[0])]
        return f"a list of {' or '.join(dict.fromkeys(items))}"
    if origin in _MAPPINGS:
        keys, values = (" or ".join(_described(each, plural=True) for each in _members(kind)) for kind in arguments)
        return f"a mapping of {keys} to {values}"
    if origin is collections.abc.Callable:
        return "functions" if plural else "a function"
    if origin is type:
        return f"a class derived from {arguments[0].__name__}"
    name = getattr(annotation, "__name__", str(annotation))
    return f"{name} objects" if plural else f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


@functools.lru_cache(maxsize=512)
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    # Built on first use: a schema takes up to a millisecond.
    return TypeAdapter(_schema(annotation), config=ConfigDict(arbitrary_types_allowed=True))


def _schema(annotation: Any) -> Any:
    """Return the type for pydantic, with the rules of this module for its leaves."""
    if annotation in _LEAVES:
        return _LEAVES[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in _UNIONS:
        return Union[tuple(_schema(each) for each in arguments)]  # noqa: UP007
    if origin in _LISTS:
        return list[_schema(arguments[0])]  # type: ignore[misc]
    if origin in _MAPPINGS:
        return dict[_schema(arguments[0]), _schema(arguments[1])]  # type: ignore[misc]
    if origin is collections.abc.Callable or _is_protocol(annotation):
        return Callable[..., Any]
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return Annotated[Any, BeforeValidator(functools.partial(_instance, annotation))]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return Annotated[annotation, BeforeValidator(functools.partial(_with_known_keys, annotation))]
    return Any if isinstance(annotation, TypeVar) else annotation


def _is_protocol(annotation: Any) -> bool:
    return isinstance(annotation, type) and Protocol in annotation.__mro__


def _text(value: Any) -> Any:
    """Return numbers and dates as text, as YAML parses `2.1` and `2026-11-30` as such."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value.isoformat() if isinstance(value, datetime.date) else value


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a boolean is not a number")
    return value


def _instance(kind: type[Any], value: Any) -> Any:
    """Create an instance of a dataclass from a mapping of its fields."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise ValueError
    hints = get_type_hints(kind)
    _check_keys(kind, value, hints)
    fields = {}
    for key, given in value.items():
        try:
            fields[key] = coerce(given, hints[key])
        except ValueError as ex:
            raise ValueError(str(ex) or f"{kind.__name__} takes {accepted(hints[key])} as {key!r}") from ex
    return kind(**fields)


def _with_known_keys(kind: type[BaseModel], value: Any) -> Any:
    if isinstance(value, Mapping):
        aliases = {each.alias: each for each in kind.model_fields.values() if each.alias}
        _check_keys(kind, value, {**kind.model_fields, **aliases})
    return value


def _check_keys(kind: type[Any], value: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for key in value:
        if key not in known:
            near = closest(str(key), known)
            raise ValueError(f"{kind.__name__} has no field {key!r}{f'; did you mean {near!r}?' if near else ''}")


def _tool(value: Any) -> Any:
    if not is_tool(value):
        name = getattr(value, "__name__", repr(value))
        uncalled = "; call it to make one" if isinstance(value, types.FunctionType) else ""
        raise ValueError(f"{name} is not a tool{uncalled}")
    ToolDef(value)  # It raises a ValueError for a tool that has no description, for example.
    return value


def _attempts(value: Any) -> Any:
    """Create `AgentAttempts` from the list of its fields that a log contains, with names in place of functions."""
    if isinstance(value, AgentAttempts) or not isinstance(value, list) or len(value) != len(AgentAttempts._fields):
        return value
    default = AgentAttempts()
    attempts, message, score_value = value
    if not isinstance(message, str) or message.isidentifier():
        raise ValueError(f"the function {message!r} of an AgentAttempts is in the log by name only")
    if score_value != default.score_value.__name__:
        raise ValueError(f"the function {score_value!r} of an AgentAttempts is in the log by name only")
    return AgentAttempts(coerce(attempts, int), message)


def _strategy(value: Any) -> Any:
    """Create a compaction strategy from the settings that a log contains."""
    if not isinstance(value, Mapping):
        return value
    kinds: dict[Any, Callable[..., CompactionStrategy]] = {"edit": CompactionEdit, "trim": CompactionTrim}
    if value.get("type") not in kinds:
        raise ValueError("a strategy other than CompactionEdit and CompactionTrim is in the log by name only")
    try:
        return kinds[value["type"]](**{key: each for key, each in value.items() if key != "type"})
    except TypeError as ex:
        raise ValueError(str(ex)) from ex


def _bridged(value: Any) -> Any:
    if isinstance(value, Mapping) and value.keys() == {each.name for each in dataclasses.fields(BridgedToolsSpec)}:
        raise ValueError("the tools of a BridgedToolsSpec are in the log by name only")
    if isinstance(value, BridgedToolsSpec):
        for each in value.tools:
            _tool(each)
    return value


def _reason(error: ValidationError, value: Any) -> str:
    """Return a validator's reason, or the key of the invalid value, or an empty string."""
    errors = error.errors()
    reasons = [str(each["ctx"]["error"]) for each in errors if each["type"] == "value_error" and "ctx" in each]
    if isinstance(value, Mapping):
        places = (part for each in errors for part in each["loc"] if part in value)
        reasons += [f"the value of {place!r} has another type" for place in places]
    return next(iter(reasons), "")


_LEAVES: Mapping[Any, Any] = {
    str: Annotated[str, BeforeValidator(_text)],
    int: Annotated[int, BeforeValidator(_number)],
    float: Annotated[float, BeforeValidator(_number)],
    Tool: Annotated[Any, BeforeValidator(_tool)],
    AgentAttempts: Annotated[InstanceOf[AgentAttempts], BeforeValidator(_attempts)],
    CompactionStrategy: Annotated[InstanceOf[CompactionStrategy], BeforeValidator(_strategy)],
    BridgedToolsSpec: Annotated[InstanceOf[BridgedToolsSpec], BeforeValidator(_bridged)],
    # The base class has neither a command nor a URL.
    MCPServerConfig: Union[  # noqa: UP007
        Annotated[MCPServerConfigStdio, BeforeValidator(functools.partial(_with_known_keys, MCPServerConfigStdio))],
        Annotated[MCPServerConfigHTTP, BeforeValidator(functools.partial(_with_known_keys, MCPServerConfigHTTP))],
        InstanceOf[MCPServerConfig],
    ],
}
