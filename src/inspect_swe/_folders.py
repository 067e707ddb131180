"""The package's folders on this machine, with typed errors for unusable ones."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from uuid import uuid4

import platformdirs

from ._errors import AgentInstallError, AgentOptionError

CACHE_VARIABLE = "INSPECT_SWE_CACHE_DIR"
_NOWHERE = Path(os.devnull)
_SET_CACHE = f"set {CACHE_VARIABLE} to a writable folder."
_SET_TEMPORARY = "set TMPDIR to a writable folder with free space."


def home_folder() -> Path:
    """Return the user's home folder, or a path without files if there is none."""
    try:
        return Path.home()
    except RuntimeError:  # HOME is unset and the user has no passwd entry, as in many containers.
        return _NOWHERE


def working_folder() -> Path:
    """Return the working directory, or a path without files if it was removed."""
    try:
        return Path.cwd()
    except OSError:
        return _NOWHERE


def cache_folder() -> Path:
    """Return the store's folder: `INSPECT_SWE_CACHE_DIR`, or else the user's cache folder.

    Raises:
        AgentOptionError: `INSPECT_SWE_CACHE_DIR` begins with the home folder of a user who does not exist.
        AgentInstallError: The user has no home folder.
    """
    setting = os.environ.get(CACHE_VARIABLE)
    if not setting:
        return user_cache_folder()
    try:
        return working_folder() / Path(setting).expanduser()
    except RuntimeError as error:
        raise AgentOptionError(f"{CACHE_VARIABLE}={setting!r} is not a folder: {error}", hint=_SET_CACHE) from error


def user_cache_folder() -> Path:
    """Return the package's folder below the user's cache folder.

    Raises:
        AgentInstallError: The user has no home folder.
    """
    try:
        folder = platformdirs.user_cache_path("inspect_swe")
    except RuntimeError:
        folder = Path("~")
    if folder.parts[:1] == ("~",):  # Returned by older releases of platformdirs.
        raise AgentInstallError(
            "There is no folder for downloads: HOME is not set, and this user has no home folder.",
            hint=_SET_CACHE,
        )
    return folder


def write_cached(name: str, text: str) -> Path:
    """Write a text to the user's cache folder, or else to the store's, unless a file of that name exists.

    Args:
        name: Path below the folder; it must depend on the text.
        text: Content of the file. Only the user may read it.

    Returns:
        The path of the file.

    Raises:
        AgentInstallError: Neither folder can be written to.
    """
    failed: list[str] = []
    for folder in (user_cache_folder, cache_folder):
        try:
            return _written(folder() / name, text)
        except (OSError, AgentInstallError) as error:
            failed.append(str(error))
    raise AgentInstallError(f"{Path(name).name} could not be written: {'; '.join(failed)}.", hint=_SET_CACHE)


def _written(file: Path, text: str) -> Path:
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{uuid4().hex}")
        draft.write_text(text, encoding="utf-8")
        draft.chmod(0o600)
        draft.replace(file)
    return file


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a temporary folder for the block.

    Raises:
        AgentInstallError: No folder for temporary files is writable.
    """
    try:
        directory = tempfile.TemporaryDirectory(prefix="inspect-swe-", ignore_cleanup_errors=True)
    except OSError as error:
        raise AgentInstallError(f"A temporary folder could not be created: {error}.", hint=_SET_TEMPORARY) from error
    with directory as folder:
        yield Path(folder)


def temporary_file() -> IO[bytes]:
    """Open an unnamed temporary file.

    Raises:
        AgentInstallError: No folder for temporary files is writable.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise AgentInstallError(f"A temporary file could not be created: {error}.", hint=_SET_TEMPORARY) from error


def temporary_root() -> str | None:
    """Return this process's folder for temporary files (`TMPDIR` if usable), or None if there is none."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return None


def is_usable_in_path(program: Path) -> bool:
    """Return whether a program can be run in place, and its folder can be an entry of `PATH`."""
    try:
        text = os.fspath(program)
        text.encode()
    except UnicodeEncodeError:
        return False
    return ":" not in text and os.access(program, os.X_OK)  # False on a file system mounted with noexec
