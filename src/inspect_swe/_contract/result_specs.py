"""What a user may ask a run to leave behind: keyword arguments of every agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from inspect_ai.model import ResponseSchema
from pydantic import BaseModel

from .._errors import AgentOptionError
from .._sandbox.globs import Glob


@dataclass(frozen=True)
class OutputFiles:
    """Which files of the sandbox are kept in the log.

    In globs, `*`, `?` and `[...]` stand for something within a name and `**` for any number of folders. A name without
    these also stands for all that is in the folder of that name.

    Args:
        paths: Globs below the agent's working directory; absolute ones are allowed. Where there is not room for all
            files, those of the first glob come first, in the order of their names.
        exclude: Globs of what is not; those that begin with `**` count everywhere.
        changed_only: Only what the agent has added, modified or deleted.
        patch: Also the difference to the repository's HEAD at the beginning, as `git diff --binary` has it.
        max_file: Bytes of a file; a larger one is named without its content.
        max_total: Bytes of all files together, and of the patch.
        max_files: Number of files with their content.

    Raises:
        AgentOptionError: A glob is none, or a number is not above 0.
    """

    paths: Sequence[str] = ("**",)
    exclude: Sequence[str] = ("**/.git/**", "**/node_modules/**", "**/__pycache__/**", "**/.venv/**")
    changed_only: bool = True
    patch: bool = False
    max_file: int = 256 * 1024
    max_total: int = 2 * 1024**2
    max_files: int = 200

    def __post_init__(self) -> None:
        for name in ("paths", "exclude"):
            given = getattr(self, name)
            try:
                texts = (given,) if isinstance(given, str) else tuple(given)
                for text in texts:
                    Glob(text)
            except (TypeError, ValueError) as ex:
                raise AgentOptionError(f"What to collect is wrong: {name}: {ex}.") from ex
            object.__setattr__(self, name, texts)
        if not (self.paths or self.patch):
            raise AgentOptionError(
                "What to collect is wrong: there are no paths.", hint='"**" is all that has changed.'
            )
        for name in ("max_file", "max_total", "max_files"):
            number = getattr(self, name)
            if not isinstance(number, int) or number < 1:
                raise AgentOptionError(f"What to collect is wrong: {name} is a number above 0, not {number!r}.")


@dataclass(frozen=True)
class ResultSpec:
    """A result that the agent has to give, as data.

    Args:
        schema: What it looks like: a pydantic model, or Inspect's `ResponseSchema`.
        retries: How often the agent is told what is wrong with it.
        instructions: What the agent is told of it, besides where to write it and its schema.
    """

    schema: type[BaseModel] | ResponseSchema
    retries: int = 2
    instructions: str | None = None


class RunResults(TypedDict, total=False):
    """Keyword arguments that every agent accepts: what a run leaves behind in the log.

    Attributes:
        collect: Files to keep: globs below the working directory, or `OutputFiles`. `output_files()` reads them.
        response_schema: A result that the agent has to give as data; `result_of()` reads it.
        keep_session: Whether the CLI's own session is kept, to go on from it in a later eval (`session_samples()`).
    """

    collect: str | Sequence[str] | OutputFiles | None
    response_schema: type[BaseModel] | ResponseSchema | ResultSpec | None
    keep_session: bool
