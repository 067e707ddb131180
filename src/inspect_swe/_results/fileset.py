"""A run's output files, as stored in the log, for scorers and readers of logs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from inspect_ai.log import EvalSample
from inspect_ai.solver import TaskState
from inspect_ai.util import Store, StoreModel
from pydantic import BaseModel, Field
from typing_extensions import Self

from .._sandbox.changes import Status

logger = logging.getLogger(__name__)

Skipped = Literal["size", "total", "count", "unreadable", "special"]
"""Reason that a file's content is not saved: its size, the total size or the number of files exceeds the limit, the
file is unreadable, or it is not a regular file, but a link, for example."""


class OutputFile(BaseModel):
    """An output file of an agent.

    Attributes:
        path: Path relative to the agent's working directory, or absolute if the glob is.
        status: The agent's change to the file.
        size: Size in bytes. For a deleted file, its size before the deletion.
        mode: Permissions.
        sha256: Digest of the content, if that is saved.
        text: The content, if it is UTF-8 text.
        base64: The content in base64, if it is not text.
        skipped: The reason that the content is not saved.
    """

    path: str
    status: Status
    size: int
    mode: int = 0o644
    sha256: str | None = None
    text: str | None = None
    base64: str | None = None
    skipped: Skipped | None = None

    @property
    def content(self) -> bytes | None:
        """The content; None if it is not saved, or the file was deleted."""
        return _unpacked(self.text, self.base64)

    @property
    def kept(self) -> bool:
        """True if the content is saved."""
        return self.text is not None or self.base64 is not None

    def with_content(self, content: bytes) -> Self:
        """Return a copy with the file's content."""
        text, encoded = packed(content)
        digest = hashlib.sha256(content).hexdigest()
        return self.model_copy(update={"size": len(content), "sha256": digest, "text": text, "base64": encoded})

    def without(self, skipped: Skipped) -> Self:
        """Return a copy without the file's content."""
        return self.model_copy(update={"sha256": None, "text": None, "base64": None, "skipped": skipped})


class SweOutput(StoreModel):
    """An agent's output files in the sample's store, under the agent's name, as `output_files()` reads them."""

    files: dict[str, OutputFile] = Field(default_factory=dict)
    patch: str | None = None
    patch_base64: str | None = None
    base: str | None = None
    unlisted: int = 0
    error: str | None = None


class FileSet(Mapping[str, OutputFile]):
    """An agent's output files, by path.

    Args:
        files: The files.
        patch: The changes in its repository, as input for `git apply`.
        base: The commit that the patch applies to.
        unlisted: Number of further files that are not listed.
        error: The problem, if something could not be saved.
    """

    def __init__(
        self,
        files: Mapping[str, OutputFile],
        patch: bytes | None = None,
        base: str | None = None,
        unlisted: int = 0,
        error: str | None = None,
    ) -> None:
        self._files = dict(files)
        self.patch_bytes = patch
        self.base = base
        self.unlisted = unlisted
        self.error = error

    @property
    def patch(self) -> str | None:
        """The patch as text; empty if nothing changed, None if there is no patch.

        Invalid UTF-8 is replaced. `patch_bytes` has the original bytes.
        """
        return None if self.patch_bytes is None else self.patch_bytes.decode(errors="replace")

    def save(self, folder: str | Path) -> list[Path]:
        """Write the saved files below a folder of this machine, including those with absolute paths.

        A file whose path leads out of the folder is skipped with a warning. Existing files are replaced.

        Returns:
            Paths of the written files.
        """
        root = Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        written = []
        for file in self._files.values():
            if (content := file.content) is None:
                continue
            try:
                written.append(_write(root, _names(file.path), content, 0o755 if file.mode & 0o111 else 0o644))
            except ValueError as ex:
                logger.warning("%r is not written: %s", file.path, ex)
        return written

    def sample_files(self, prefix: str = "") -> dict[str, str]:
        """Return the saved files in the format of `Sample.files`, for another sample.

        Args:
            prefix: Folder for the files in the sample's sandbox. Without it, relative paths are relative to the
                sandbox's own working directory, and absolute paths stay absolute.
        """
        files = {}
        for file in self._files.values():
            if (content := file.content) is None:
                continue
            try:
                path = "/".join(_names(file.path))
                if ":" in path:
                    raise ValueError("Inspect allows no colon in such a path")
            except ValueError as ex:
                logger.warning("%r is omitted: %s", file.path, ex)
                continue
            # Without the `data:` prefix, Inspect would read the content as a local path or a URL.
            start = f"{prefix.rstrip('/')}/" if prefix else "/" if file.path.startswith("/") else ""
            files[start + path] = f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"
        return files

    def __getitem__(self, path: str) -> OutputFile:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __repr__(self) -> str:
        return f"FileSet({list(self._files)})"


def output_files(state: TaskState | EvalSample | Store, agent: str | None = None) -> FileSet:
    """Return the output files of an agent with `collect`; no files for any other agent.

    Args:
        state: A scorer's state, a sample of a log, or a sample's store.
        agent: Name of the agent; required if several agents have output files.

    Raises:
        ValueError: `agent` is missing although several agents have output files, or only other agents have any.

    Examples:
        ```python
        from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
        from inspect_ai.solver import TaskState

        from inspect_swe import claude_code, output_files

        agent = claude_code(collect="out/*.md")


        @scorer(metrics=[accuracy()])
        def has_report() -> Scorer:
            async def score(state: TaskState, target: Target) -> Score:
                return Score(value="out/report.md" in output_files(state))

            return score
        ```
    """
    source = state if isinstance(state, Store) else state.store
    entries = dict(source.items())
    start, end = f"{SweOutput.__name__}:", ":files"
    agents = [key[len(start) : -len(end)] for key in entries if key.startswith(start) and key.endswith(end)]
    if (agent is None and len(agents) > 1) or (agent is not None and agent not in agents and agents):
        raise ValueError(f"Name one of the agents that have output files: {', '.join(agents)}.")
    if not agents:
        return FileSet({})
    name = agent or agents[0]
    items = {key: value for key, value in entries.items() if key.startswith(f"{start}{name}:")}
    output = SweOutput(store=Store(items), instance=name)
    patch = _unpacked(output.patch, output.patch_base64)
    return FileSet(output.files, patch, output.base, output.unlisted, output.error)


def packed(content: bytes) -> tuple[str | None, str | None]:
    """Return bytes in the form that a log can store: as text if possible, else as base64."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    return (None, base64.b64encode(content).decode()) if "\0" in text else (text, None)


def _unpacked(text: str | None, encoded: str | None) -> bytes | None:
    if text is not None:
        return text.encode(errors="replace")
    try:
        return None if encoded is None else base64.b64decode(encoded)
    except binascii.Error:
        return None


def _names(path: str) -> list[str]:
    """Return the parts of a path that stays inside its folder.

    Raises:
        ValueError: The path leads out of the folder.
    """
    names = [name for name in PurePosixPath(path).parts if name not in ("/", "//")]
    if not names or "\0" in path or any(name == ".." or Path(name).name != name for name in names):
        raise ValueError("it leads out of the folder")
    return names


def _write(root: Path, names: list[str], content: bytes, mode: int) -> Path:
    target = root
    for name in names[:-1]:
        target /= name
        if target.is_symlink():
            raise ValueError(f"{target} is a link")
        target.mkdir(exist_ok=True)
    target /= names[-1]
    if target.is_symlink():
        raise ValueError(f"{target} is a link")
    target.write_bytes(content)
    target.chmod(mode)
    return target
