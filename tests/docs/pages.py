"""The pages of the documents, and the code blocks on them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md", "CHANGELOG.md")]
OF_THE_READER = ("task.py", "compose.yaml")
PAGES = [*TOP, *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`\n]*)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_INFO = re.compile(r'(?P<language>\w*)(?: title="(?P<title>[^"]+)")?')


class Block(NamedTuple):
    """A code block; its title is the name of the file that the reader shall save it as."""

    page: Path
    line: int
    language: str
    title: str | None
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks_in(text: str, page: Path) -> Iterator[Block]:
    for fence in _FENCE.finditer(text):
        info = _INFO.fullmatch(fence["info"].strip())
        assert info, f"{page}: what is ```{fence['info']}?"
        line = text[: fence.start()].count("\n") + 1
        yield Block(page, line, info["language"], info["title"], fence["code"])


def blocks(*pages: Path) -> list[Block]:
    return [block for page in pages or PAGES for block in blocks_in(read(page), page)]


def save_files(page: Path, folder: Path) -> None:
    """Save what the page tells its reader to save, beside what it takes readers to have."""
    for name in OF_THE_READER:
        (folder / name).touch()
    for block in blocks(page):
        if block.title is not None:
            file = folder / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.code, encoding="utf-8")


def options_of(function: Callable[..., Any]) -> dict[str, Any] | None:
    """What a function takes, with the defaults; None if that is anything."""
    options: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not parameter.VAR_KEYWORD:
            options[parameter.name] = parameter.default
        elif "RunResults" in str(parameter.annotation):
            options |= {"collect": None, "response_schema": None, "keep_session": False}
        else:
            return None
    return options
