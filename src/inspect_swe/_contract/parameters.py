"""Validation and conversion of agent factories' arguments by their annotations."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ParamSpec, TypeVar, Union, cast, get_args, get_type_hints
from typing import get_origin as origin_of

from inspect_ai.agent import BridgedToolsSpec
from inspect_ai.model import CompactionStrategy, Model
from inspect_ai.tool import Tool
from pydantic import InstanceOf
from typing_extensions import Unpack, is_typeddict

from .._errors import AgentOptionError, closest
from .coercion import accepted, choices, coerce

P = ParamSpec("P")
R = TypeVar("R")

_MAX_VALUE = 80
"""Maximum number of characters of an invalid value in an error message."""

_RETRIED = " A log has only the name of a function or an object: to retry such an eval, make the agent in its task."

_CLASSES: Mapping[Any, Any] = {
    each: Annotated[each, InstanceOf()]  # type: ignore[type-arg]
    for each in (BridgedToolsSpec, CompactionStrategy, Model, Tool)
}
"""Classes that pydantic cannot read, each as an annotation that it accepts."""

_SECRETS = ("env",)
"""Parameters whose values error messages do not show."""


def checked_parameters(factory: Callable[P, R]) -> Callable[P, R]:
    """Validate each argument of a factory, and convert values from a command line or a configuration file.

    Place the decorator below Inspect's `@agent`, which then records the original arguments.
    `inspect.signature()` of the result shows types, not their names, and pydantic accepts each of them: other packages
    validate arguments from configuration files with `TypeAdapter(annotation)`.

    Args:
        factory: A function with annotated parameters. The keys of an `Unpack[TypedDict]` are parameters, too.

    Returns:
        The factory. It raises an `AgentOptionError` for an unknown or invalid argument.
    """
    hints = get_type_hints(factory, include_extras=True)  # Inspect's decorator resolves them again, at no cost.
    plain = inspect.signature(factory)
    signature = plain.replace(
        parameters=[
            each.replace(annotation=_for_pydantic(hints.get(each.name, Any))) for each in plain.parameters.values()
        ],
        return_annotation=hints.get("return", plain.return_annotation),
    )
    name = factory.__qualname__.removesuffix(".__init__").rpartition(".")[2]

    @functools.wraps(factory)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        types = parameter_types(checked)
        given = _bound(name, signature, types, args, kwargs)
        values: dict[str, Any] = {each: _checked(name, each, value, types[each]) for each, value in given.items()}
        return cast(Callable[..., R], factory)(**values)

    checked.__annotations__ = hints
    checked.__signature__ = signature  # type: ignore[attr-defined]
    return checked


@functools.lru_cache(maxsize=256)
def parameter_types(factory: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the type of each parameter of a factory, in order, with the keys of an unpacked `TypedDict`."""
    return dict(_types(factory))


def _types(factory: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    annotations = getattr(factory, "__annotations__", {})
    for parameter in inspect.signature(factory).parameters.values():
        if parameter.kind is not parameter.VAR_KEYWORD:
            yield parameter.name, annotations.get(parameter.name, parameter.annotation)
            continue
        try:
            unpacked = get_type_hints(factory, include_extras=True).get(parameter.name)
        except NameError:  # A function without the decorator may have unresolved annotations.
            continue
        for kind in get_args(unpacked) if origin_of(unpacked) is Unpack else ():
            if is_typeddict(kind):
                yield from get_type_hints(kind).items()


def _for_pydantic(annotation: Any) -> Any:
    """Return a type that pydantic accepts and that reads as the same."""
    origin, arguments = origin_of(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return Union[tuple(_for_pydantic(each) for each in arguments)]  # noqa: UP007
    if origin in (dict, list, collections.abc.Mapping, collections.abc.Sequence):
        return origin[tuple(_for_pydantic(each) for each in arguments)]
    return _CLASSES.get(annotation, annotation) if isinstance(annotation, type) else annotation


def _bound(
    name: str, signature: inspect.Signature, types: Mapping[str, Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Assign arguments to parameters."""
    for key in kwargs:
        if key not in types:
            near = closest(key, types)
            hint = f'did you mean "{near}"?' if near else f"it takes {', '.join(t for t in types if t != 'self')}."
            raise AgentOptionError(f"{name}() has no parameter {key!r}.", hint=hint)
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError as ex:
        raise AgentOptionError(f"{name}(): {ex}.") from ex
    variadic = next((each.name for each in signature.parameters.values() if each.kind is each.VAR_KEYWORD), None)
    return {**{key: value for key, value in bound.items() if key != variadic}, **bound.get(variadic or "", {})}


def _checked(name: str, parameter: str, value: Any, annotation: Any) -> Any:
    try:
        return coerce(value, annotation)
    except ValueError as ex:
        near = closest(value, choices(annotation)) if isinstance(value, str) else None
        hint = f"{parameter} takes {accepted(annotation)}." + (f' Did you mean "{near}"?' if near else "")
        if "in the log by name only" in str(ex) or (isinstance(value, str) and value.isidentifier() and not near):
            hint += _RETRIED
        shown = "" if parameter in _SECRETS and not isinstance(value, str) else f"={_shown(value)}"
        reason = f": {ex}" if str(ex) else ""
        raise AgentOptionError(
            f"{name}() does not accept {parameter}{shown}{reason}".rstrip(".") + ".", hint=hint
        ) from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"
