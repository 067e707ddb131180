"""Bounded buffers for a process's output, and parsers of it."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

HEAD = 64 << 10
TAIL = 1 << 20


class OutputBuffer:
    """A buffer for the first and the last bytes of a stream.

    Args:
        head: Maximum number of bytes from the beginning.
        tail: Maximum number of bytes from the end.
    """

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self._head_size = head
        self._tail_size = tail
        self._head = bytearray()
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._added = 0

    def add(self, chunk: bytes) -> None:
        """Add a chunk of the stream."""
        missing = self._head_size - len(self._head)
        if missing > 0:
            self._head += chunk[:missing]
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._added += len(chunk)
        while self._size - len(self._chunks[0]) >= self._tail_size:
            self._size -= len(self._chunks.popleft())

    @property
    def head(self) -> str:
        """The beginning of the stream."""
        return self._head.decode(errors="replace")

    @property
    def tail(self) -> str:
        """The end of the stream."""
        return b"".join(self._chunks)[-self._tail_size :].decode(errors="replace")

    @property
    def text(self) -> str:
        """The whole stream, or the beginning and the end of a long one."""
        missing = self._added - min(self._size, self._tail_size)
        if missing <= 0:
            return self.tail
        head = self.head if missing >= self._head_size else self._head[:missing].decode(errors="replace")
        omitted = missing - self._head_size
        gap = f"\n[... {omitted:,} bytes omitted ...]\n" if omitted > 0 else ""
        return head + gap + self.tail


def json_events(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects among the lines of an output, the last one first."""
    for line in reversed(text.split("\n")):
        if line.startswith("{"):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event


def last_event(text: str, kind: str) -> dict[str, Any] | None:
    """Return the last JSON object of a `type` among the lines of an output, or None."""
    return next((event for event in json_events(text) if event.get("type") == kind), None)


def missing_libraries(stderr: str) -> list[str]:
    """Return the shared libraries that the dynamic linker (of glibc or musl) did not find for a program."""
    named = re.findall(r"[Ee]rror (?:while )?loading shared librar(?:y|ies):? (\S+):", stderr)
    return list(dict.fromkeys(named))
