"""Files are read as bytes: bounded, and nothing that is no regular file or behind a link."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from inspect_swe._sandbox import read_files as reading
from inspect_swe._sandbox.read_files import read_files

from .workspaces import local_workspace


def read(paths: Sequence[str], limit: int = 100, total: int = 10_000) -> list[bytes | None]:
    async def run() -> list[bytes | None]:
        async with local_workspace("/") as workspace:
            return await read_files(workspace, paths, limit, total)

    return asyncio.run(run())


def test_bytes_arrive_as_they_are_whatever_the_name(tmp_path: Path) -> None:
    names = [b"plain", b"a b", b"-n", b"*", b"$(id)", b"new\nline", b"end\n", b"caf\xe9", "é".encode(), b"..."]
    folder = os.fsencode(tmp_path) + b"/sub\n"
    os.mkdir(folder)
    content = bytes(range(256)) + b"\n\n"
    for name in names:
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(name + content)
    paths = [os.fsdecode(folder + b"/" + name) for name in names]
    assert read(paths, limit=1000) == [name + content for name in names]


def test_what_is_no_file_of_its_own_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    os.mkfifo(root / "fifo")
    (root / "good").write_text("good")
    paths = [root / "link", root / "folder/secret", root / "fifo", root / "missing", root, "/dev/zero", root / "good"]
    assert read([str(path) for path in paths]) == [None] * 6 + [b"good"]


def test_it_is_bounded(tmp_path: Path) -> None:
    for name, size in (("a", 100), ("b", 101), ("c", 5000), ("empty", 0)):
        (tmp_path / name).write_bytes(b"x" * size)
    paths = [str(tmp_path / name) for name in ("a", "b", "c", "empty")]
    assert read(paths) == [b"x" * 100, b"x" * 101, b"x" * 101, b""]
    assert read(["/proc/kallsyms", paths[0]])[1] == b"x" * 100
    # Those that there is room for, and perhaps one more.
    assert read([*paths, *paths[:1] * 90], total=1000)[-50:] == [None] * 50


def test_many_names_go_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_ARGUMENTS", 200)
    for number in range(20):
        (tmp_path / f"{number}").write_text(str(number))
    assert read([str(tmp_path / f"{number}") for number in range(20)]) == [str(n).encode() for n in range(20)]
