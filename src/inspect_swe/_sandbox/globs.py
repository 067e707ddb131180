"""Globs over sandbox paths. They are matched on the host, and no path can make matching slow."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable

_MAGIC = re.compile(r"[*?\[]")


class Glob:
    """A glob: `*`, `?` and `[...]` within a name, `**` for any number of folders.

    A glob that ends in a plain name also matches everything in a folder of that name. Names that begin with a dot are
    not special.

    Args:
        text: The glob.

    Raises:
        ValueError: The text is not a valid glob. The message gives the reason.
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not text or "\0" in text:
            raise ValueError(f"{text!r} is not a glob: it must be non-empty text without NUL characters")
        parts = [part for part in text.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise ValueError(f"the glob {text!r} contains '..': write an absolute path")
        self.text = text
        self.absolute = text.startswith("/")
        whole = text.endswith("/") or not parts or not _MAGIC.search(parts[-1])
        self._parts = [*parts, "**"] if whole else parts
        self._tests = [None if part == "**" else _test(part) for part in self._parts]
        fixed = next((n for n, part in enumerate(self._parts) if _MAGIC.search(part)), len(self._parts))
        self.start = "/" * self.absolute + "/".join(self._parts[:fixed])
        """The leading part without wildcards: a folder or file."""
        self.folder = self._parts[fixed:] == ["**"]
        """True if the glob matches exactly the content of `start`."""

        self.anywhere = parts[1] if self._is_anywhere() else None
        """NAME if the glob is `**/NAME/**` (all folders of that name, with their content), else None."""

    @property
    def names(self) -> tuple[str, ...]:
        """The glob's path components."""
        return tuple(self._parts)

    def matches(self, path: str) -> bool:
        """Return whether the glob matches a path. A glob that begins with `**` also matches absolute paths."""
        if self.absolute != path.startswith("/") and (self.absolute or self._tests[0] is not None):
            return False
        # Fast paths for the most common globs: listings have many paths.
        if self.folder:
            return f"{path}/".startswith(f"{self.start.rstrip('/')}/") if self.start else True
        if self.anywhere is not None:
            return f"/{self.anywhere}/" in f"/{path}/"
        return self._matches(path)

    def _is_anywhere(self) -> bool:
        parts = self._parts
        return not self.absolute and len(parts) == 3 and parts[::2] == ["**", "**"] and not _MAGIC.search(parts[1])

    def _matches(self, path: str) -> bool:
        names = [name for name in path.split("/") if name]
        part = at = 0
        again: tuple[int, int] | None = None
        while at < len(names):
            test = self._tests[part] if part < len(self._tests) else _never
            if test is None:
                part += 1
                again = part, at
            elif test(names[at]):
                part, at = part + 1, at + 1
            elif again is not None:
                part, at = again[0], again[1] + 1
                again = part, at
            else:
                return False
        return all(test is None for test in self._tests[part:])


def _test(part: str) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(part)).match if _MAGIC.search(part) else part.__eq__


def _never(name: str) -> bool:
    return False
