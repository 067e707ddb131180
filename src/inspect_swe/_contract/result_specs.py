"""Specifications of a run's results: keyword arguments of every agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from inspect_ai.model import ResponseSchema
from pydantic import BaseModel

from .._errors import AgentOptionError
from .._sandbox.globs import Glob


@dataclass(frozen=True)
class OutputFiles:
    """Files of the sandbox to save in the log.

    In globs, `*`, `?` and `[...]` match within a name, and `**` matches any number of folders. A name without these
    also matches everything in the folder of that name.

    Args:
        paths: Globs relative to the agent's working directory, or absolute. If the files exceed a limit, those of the
            first glob come first, ordered by name.
        exclude: Globs of files to exclude. Those that begin with `**` apply everywhere.
        changed_only: Whether to save only files that the agent added, modified or deleted.
        patch: Whether to save the changes since the repository's initial HEAD, in the format of `git diff --binary`.
        max_file: Maximum bytes of a file. A larger file is listed without its content.
        max_total: Maximum bytes of all files together, and of the patch.
        max_files: Maximum number of files with their content.

    Raises:
        AgentOptionError: A glob is invalid, a number is not above 0, or there is neither a path nor a patch to save.

    Examples:
        ```python
        from inspect_swe import OutputFiles, claude_code

        agent = claude_code(collect=OutputFiles(["src/**"], patch=True))
        ```
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
                raise AgentOptionError(f"OutputFiles does not accept {name}: {ex}.") from ex
            object.__setattr__(self, name, texts)
        if not (self.paths or self.patch):
            raise AgentOptionError("OutputFiles needs paths or patch=True.", hint='"**" stands for all files.')
        for name in ("max_file", "max_total", "max_files"):
            number = getattr(self, name)
            if not isinstance(number, int) or number < 1:
                raise AgentOptionError(f"{name} of OutputFiles must be above 0, not {number!r}.")

    def _repr_params_(self) -> dict[str, Any]:
        """Return the fields for the log of an eval, from which Inspect can retry it."""
        return vars(self).copy()


@dataclass(frozen=True)
class ResultSpec:
    """A structured result that the agent has to produce.

    Args:
        schema: Its schema: a pydantic model, or Inspect's `ResponseSchema`.
        retries: Maximum number of corrections after an invalid result.
        instructions: Instructions for the agent, besides the result's path and schema.
    """

    schema: type[BaseModel] | ResponseSchema
    retries: int = 2
    instructions: str | None = None

    def _repr_params_(self) -> dict[str, Any]:
        """Return the fields for the log of an eval, from which Inspect can retry it."""
        return vars(self).copy()


class RunResults(TypedDict, total=False):
    """Keyword arguments of every agent for a run's results in the log.

    Attributes:
        collect: Files to save: globs below the working directory, or `OutputFiles`. `output_files()` reads them.
        response_schema: Schema of a result that the agent has to produce. `result_of()` reads the result.
        keep_session: Whether to save the CLI's own session, for a later eval to resume (`session_samples()`).
    """

    collect: str | Sequence[str] | OutputFiles | None
    response_schema: type[BaseModel] | ResponseSchema | ResultSpec | None
    keep_session: bool
