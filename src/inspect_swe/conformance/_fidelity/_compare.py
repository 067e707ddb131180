"""Comparison of two runs, field by field."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._cache import PromptCache
from ._meaning import marks, meaning
from ._normal import canonical, compared_headers
from ._providers import WIRES
from ._reasons import reason_of
from ._record import Exchange, Recording

ABSENT = "(absent)"
CACHE_TOLERANCE = 0.5
"""Percentage points: shares also differ if a constant part of the prompt is longer or shorter."""
_LONGEST = 160
_SCHEMAS = {"input_schema", "parameters", "parametersJsonSchema", "inputSchema"}
_NAMED = {"properties", "$defs", "definitions", "patternProperties"}


@dataclass
class Difference:
    """A field that differs.

    Args:
        path: Its path, with kinds of items instead of indexes.
        direct: Its first value without Inspect.
        eval: Its first value in the eval.
        where: The first exchange that it differs in.
        times: Number of times that it differs.
        reason: Why it differs on purpose; empty for a finding.
        by_cli: Whether the CLI itself sent something else in the eval, as it does after other replies.
    """

    path: str
    direct: str
    eval: str
    where: str
    times: int = 1
    reason: str = ""
    by_cli: bool = False


@dataclass
class Comparison:
    """The comparison of two runs of an agent.

    Args:
        name: Name of the subject.
        version: The CLI's version.
        model: Inspect's model.
        requests: Number of model requests of the direct run.
        differences: All differences.
        cache_direct: Percentage of the prompts' tokens that a cache holds, directly.
        cache_eval: The same in the eval.
        errors: Errors of the runs.
    """

    name: str
    version: str
    model: str
    requests: int
    differences: list[Difference] = field(default_factory=list)
    cache_direct: float = 0.0
    cache_eval: float = 0.0
    errors: list[str] = field(default_factory=list)

    @property
    def findings(self) -> list[Difference]:
        """The differences that are not deliberate."""
        return [each for each in self.differences if not each.reason]

    @property
    def reads_the_cache(self) -> bool:
        """Whether the eval reads no less from the cache."""
        return self.cache_eval >= self.cache_direct - CACHE_TOLERANCE

    @property
    def ok(self) -> bool:
        """Whether all differences are deliberate, and the eval reads no less from the cache."""
        return not self.findings and not self.errors and self.reads_the_cache


def compare(name: str, model: str, direct: Recording, through: Recording) -> Comparison:
    """Compare two runs of a CLI.

    Args:
        name: Name of the subject.
        model: Inspect's model.
        direct: The run without Inspect.
        through: The run in an eval.
    """
    differences: dict[str, Difference] = {}
    for where, one, other in _pairs(direct.provider, through.provider):
        for path, before, after in _exchange_differences(one, other):
            _note(differences, path, before, after, where)
    for where, one, other in _pairs(direct.cli, through.cli):
        if one is not None and other is not None and one.dialect:
            for path, before, after in _reply_differences(one, other, direct, through):
                _note(differences, path, before, after, where)
    sent = {
        path
        for _, one, other in _pairs(direct.cli, through.cli)
        if one is not None and other is not None
        for path, *_ in _exchange_differences(one, other)
    }
    for difference in differences.values():
        difference.reason = reason_of(name, difference.path)
        difference.by_cli = difference.path in sent
    errors = [
        f"{way}: {run.error}" for way, run in (("directly", direct), ("in an eval", through)) if run.error is not None
    ]
    calls = direct.calls()
    comparison = Comparison(name, direct.version, model, len(calls), list(differences.values()), errors=errors)
    comparison.cache_direct, comparison.cache_eval = cache_reads(calls), cache_reads(through.calls())
    return comparison


def cache_reads(calls: Iterable[Exchange]) -> float:
    """Return the percentage of the prompts' tokens that the vendor's cache would hold."""
    cache = PromptCache()
    for call in calls:
        cache.ask(call.dialect, call.body)
    return cache.percent


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the fields in which two pieces of JSON data differ: path, first and second value.

    Args:
        one: First piece.
        other: Second piece.
        path: Path of both.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            yield from differences(one.get(key, ABSENT), other.get(key, ABSENT), _below(path, key))
    elif isinstance(one, list) and isinstance(other, list):
        for before, after in _aligned(one, other):
            item = before if before is not ABSENT else after
            yield from differences(before, after, f"{path}[{_kind(item)}]")
    elif one != other or type(one) is not type(other):
        yield path, one, other


def _exchange_differences(one: Exchange | None, other: Exchange | None) -> Iterator[tuple[str, Any, Any]]:
    if one is None or other is None:
        exchange = one or other
        assert exchange is not None
        line = f"{exchange.method} {exchange.path.partition('?')[0]}"
        side = f" ({exchange.speaker})" if exchange.dialect and exchange.speaker in ("side", "probe") else ""
        yield f"requests[{line}]{side}", line if one else ABSENT, line if other else ABSENT
        return
    if one.dialect != other.dialect:
        yield from differences(meaning(one.dialect, one.body), meaning(other.dialect, other.body), "told")
        yield from (("marks", ABSENT, text) for text in marks(other.body))
        return
    yield from differences(compared_headers(one.headers), compared_headers(other.headers), "headers")
    yield from differences(canonical(one.dialect, one.body), canonical(other.dialect, other.body), "body")


def _pairs(
    direct: Sequence[Exchange], through: Sequence[Exchange]
) -> Iterator[tuple[str, Exchange | None, Exchange | None]]:
    """Pair the exchanges of each conversation, in their order."""
    groups: dict[str, tuple[list[Exchange], list[Exchange]]] = {}
    for side, exchanges in enumerate((direct, through)):
        for exchange in exchanges:
            path = exchange.path.partition("?")[0]
            key = exchange.speaker if exchange.dialect else path
            groups.setdefault(key, ([], []))[side].append(exchange)
    for key, (ones, others) in groups.items():
        for number in range(max(len(ones), len(others))):
            one = ones[number] if number < len(ones) else None
            other = others[number] if number < len(others) else None
            yield f"{key} {number + 1}", one, other


def _reply_differences(
    one: Exchange, other: Exchange, direct: Recording, through: Recording
) -> Iterator[tuple[str, Any, Any]]:
    before, after = _reply(one), _reply(other)
    if {call.dialect for call in direct.calls()} == {call.dialect for call in through.calls()}:
        yield from differences(before, after, "reply")
    else:
        # The provider's ids and usage are another vendor's.
        yield from (("reply.marks", ABSENT, text) for text in marks(after))


def _reply(exchange: Exchange) -> Any:
    return canonical("reply", WIRES[exchange.dialect].received(exchange.reply))


def _note(differences: dict[str, Difference], path: str, before: Any, after: Any, where: str) -> None:
    if path in differences:
        differences[path].times += 1
    else:
        differences[path] = Difference(path, *_shown(before, after), where)


def _shown(before: Any, after: Any) -> tuple[str, str]:
    """Return two values as short texts, from a little before where they differ."""
    one, other = _text(before), _text(after)
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, same - 40) if max(len(one), len(other)) > _LONGEST else 0
    return _cut(one, start), _cut(other, start)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str, start: int) -> str:
    middle = text[start : start + _LONGEST]
    return ("…" if start else "") + middle + ("…" if start + _LONGEST < len(text) else "")


def _below(path: str, key: str) -> str:
    parts = path.split(".")
    if parts[-1] == "tools":
        return f"{path}[]"
    schema = next((number for number, name in enumerate(parts) if name in _SCHEMAS), None)
    if schema is None or len(parts) == schema + 1:
        return f"{path}.{key}" if path else key
    # Of a nested schema, the keyword matters, not the parameter that has it.
    within = ".".join(parts[: schema + 1])
    return f"{within}.*" if parts[-1] in _NAMED else f"{within}.*.{key}"


def _kind(item: Any) -> str:
    if isinstance(item, dict):
        kind = item.get("type") or item.get("role")
        return str(kind) if kind else "/".join(sorted(item)[:1])
    return ""


def _aligned(one: list[Any], other: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Pair the items of two lists: by index if both are equally long, else equal items and those between them."""
    if len(one) == len(other):
        yield from zip(one, other, strict=True)
        return
    ones, others = ([json.dumps(item, sort_keys=True) for item in items] for items in (one, other))
    for kind, a, b, c, d in difflib.SequenceMatcher(None, ones, others, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        for number in range(max(b - a, d - c)):
            yield one[a + number] if a + number < b else ABSENT, other[c + number] if c + number < d else ABSENT
