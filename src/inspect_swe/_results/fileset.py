"""Files that a run has left behind, as the log has them: read in scorers, and from logs."""

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
"""Why a file's content is not kept: it, all files together or their number exceed what is allowed; it could not be
read; or it is no regular file, but a link, say."""


class OutputFile(BaseModel):
    """A file that an agent has left behind.

    Attributes:
        path: Relative to the agent's working directory, or absolute, as the glob was.
        status: What the agent has done to it.
        size: Bytes; of a deleted file, those it had.
        mode: Permissions.
        sha256: Digest of the content, if that is kept.
        text: The content, if it is UTF-8 text.
        base64: The content, if it is something else.
        skipped: Why the content is not kept.
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
        """The content; None if it is not kept, or the file was deleted."""
        return _unpacked(self.text, self.base64)

    @property
    def kept(self) -> bool:
        """Whether the content is kept."""
        return self.text is not None or self.base64 is not None

    def holding(self, content: bytes) -> Self:
        """The same file with its content."""
        text, encoded = packed(content)
        digest = hashlib.sha256(content).hexdigest()
        return self.model_copy(update={"size": len(content), "sha256": digest, "text": text, "base64": encoded})

    def without(self, skipped: Skipped) -> Self:
        """The same file without its content."""
        return self.model_copy(update={"sha256": None, "text": None, "base64": None, "skipped": skipped})


class SweOutput(StoreModel):
    """What is kept in the sample's store of an agent's run, under the agent's name; `output_files()` reads it."""

    files: dict[str, OutputFile] = Field(default_factory=dict)
    patch: str | None = None
    patch_base64: str | None = None
    base: str | None = None
    unlisted: int = 0
    error: str | None = None


class FileSet(Mapping[str, OutputFile]):
    """Files that an agent has left behind, by path.

    Args:
        files: The files.
        patch: What has changed in its repository, as `git apply` takes it.
        base: The commit that the patch is for.
        unlisted: How many more files there were, of which nothing is known.
        error: What could not be kept, and why.
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
        """The patch as text; empty where nothing has changed, None if there is none.

        Bytes that are not UTF-8 are replaced in it; `patch_bytes` has them.
        """
        return None if self.patch_bytes is None else self.patch_bytes.decode(errors="replace")

    def save(self, folder: str | Path) -> list[Path]:
        """Write the files that are kept into a folder of this machine; an absolute path goes below it too.

        A file whose path leads out of the folder is left out, with a warning. Files that are there are replaced.

        Returns:
            What was written.
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
        """The files that are kept as `Sample.files` takes them, for another sample.

        Args:
            prefix: A folder of its sandbox to put them into. Without one, a relative path is relative to the sandbox's
                own working directory, and an absolute one stays that.
        """
        files = {}
        for file in self._files.values():
            if (content := file.content) is None:
                continue
            try:
                path = "/".join(_names(file.path))
                if ":" in path:
                    raise ValueError("Inspect takes no colon in such a path")
            except ValueError as ex:
                logger.warning("%r is left out: %s", file.path, ex)
                continue
            # What is not marked as data would be taken for a path of this machine, or for an address.
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
    """The files that an agent has left behind, if it was told to `collect` any; else none.

    Args:
        state: The state, in a scorer, or the sample of a log, or a sample's store.
        agent: Name of the agent; needed where there are several.

    Raises:
        ValueError: Several agents have left files, or none of that name.
    """
    found = state if isinstance(state, Store) else state.store
    kept = dict(found.items())
    start, end = f"{SweOutput.__name__}:", ":files"
    agents = [key[len(start) : -len(end)] for key in kept if key.startswith(start) and key.endswith(end)]
    if (agent is None and len(agents) > 1) or (agent is not None and agent not in agents and agents):
        raise ValueError(f"Say which agent's files are wanted: there are those of {', '.join(agents)}.")
    if not agents:
        return FileSet({})
    name = agent or agents[0]
    mine = {key: value for key, value in kept.items() if key.startswith(f"{start}{name}:")}
    output = SweOutput(store=Store(mine), instance=name)
    patch = _unpacked(output.patch, output.patch_base64)
    return FileSet(output.files, patch, output.base, output.unlisted, output.error)


def packed(content: bytes) -> tuple[str | None, str | None]:
    """Bytes as a log can have them: as text, or else as base64."""
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
    """The parts of a path, which lead nowhere but down."""
    names = [name for name in PurePosixPath(path).parts if name not in ("/", "//")]
    if not names or "\0" in path or any(name == ".." or Path(name).name != name for name in names):
        raise ValueError("it leads out of the folder")
    return names


def _write(root: Path, names: list[str], content: bytes, mode: int) -> Path:
    place = root
    for name in names[:-1]:
        place /= name
        if place.is_symlink():
            raise ValueError(f"{place} is a link")
        place.mkdir(exist_ok=True)
    place /= names[-1]
    if place.is_symlink():
        raise ValueError(f"{place} is a link")
    place.write_bytes(content)
    place.chmod(mode)
    return place
