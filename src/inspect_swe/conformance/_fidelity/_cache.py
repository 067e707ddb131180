"""Simulation of the vendors' prompt caches from recorded requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_CHARACTERS = 4
_LOOKBACK = 20
"""Blocks before a breakpoint in which Anthropic's server looks for an earlier entry."""


@dataclass
class Block:
    """A piece of a prompt.

    Args:
        text: Its content, without marks for the cache.
        marked: Whether it ends a part that the request asks to cache.
    """

    text: str
    marked: bool = False


@dataclass
class PromptCache:
    """The cache of one model provider.

    Args:
        prompt: Tokens of all prompts so far.
        read: Those of them that the cache held.
    """

    prompt: int = 0
    read: int = 0
    _entries: set[str] = field(default_factory=set)

    def ask(self, dialect: str, body: dict[str, Any]) -> tuple[int, int, int]:
        """Return the tokens of a prompt, those of them that are read from the cache, and those written to it."""
        blocks = list(_anthropic(body) if dialect == "anthropic" else _others(dialect, body))
        sizes, keys = [], []
        total, hashed = 0, hashlib.sha256(str(body.get("model", "")).encode())
        for block in blocks:
            total += len(block.text)
            hashed.update(block.text.encode())
            sizes.append(total // _CHARACTERS)
            keys.append(hashed.hexdigest())
        ends = [index for index, block in enumerate(blocks) if block.marked]
        near = {index for end in ends for index in range(max(0, end - _LOOKBACK), end + 1)}
        if dialect != "anthropic":
            near = set(range(len(blocks)))
        hit = max((index for index in near if keys[index] in self._entries), default=-1)
        prompt, read = total // _CHARACTERS, sizes[hit] if hit >= 0 else 0
        self._entries.update(keys[end] for end in (ends if dialect == "anthropic" else range(len(blocks))))
        written = max(0, sizes[ends[-1]] - read) if ends else 0
        self.prompt += prompt
        self.read += read
        return prompt, read, written

    @property
    def percent(self) -> float:
        """The share of all prompts' tokens that was read from the cache."""
        return 100 * self.read / self.prompt if self.prompt else 0.0


def _anthropic(body: dict[str, Any]) -> Iterator[Block]:
    yield from (_block(tool) for tool in body.get("tools") or [])
    system = body.get("system") or []
    yield from (_block(part) for part in ([{"text": system}] if isinstance(system, str) else system))
    # A change of these fields invalidates the messages' part of the cache.
    yield Block(json.dumps([body.get("thinking"), body.get("tool_choice")]))
    for message in body.get("messages") or []:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        yield from (_block({**part, "role": message["role"]}) for part in parts)
    if body.get("cache_control"):
        yield Block("", True)


def _block(part: dict[str, Any]) -> Block:
    plain = {key: value for key, value in part.items() if key != "cache_control"}
    return Block(json.dumps(plain, sort_keys=True), bool(part.get("cache_control")))


_PROMPTS = {
    "responses": ("tools", "instructions", "input"),
    "completions": ("tools", "messages"),
    "google": ("tools", "systemInstruction", "contents"),
}


def _others(dialect: str, body: dict[str, Any]) -> Iterator[Block]:
    for name in _PROMPTS[dialect]:
        value = body.get(name)
        for part in value if isinstance(value, list) else [] if value is None else [value]:
            yield Block(json.dumps(part, sort_keys=True))
