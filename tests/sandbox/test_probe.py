"""What the first command in a sandbox tells of CLIs that came with it, asked of this machine's shell."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from inspect_swe._sandbox import probe as probe_module
from inspect_swe._sandbox.probe import Completed, Copy, probe_sandbox

WHOLE = "#!/bin/sh\nexit 0\n"


async def here(argv: list[str]) -> Completed:
    done = await anyio.to_thread.run_sync(lambda: subprocess.run(argv, capture_output=True, text=True, check=False))
    return Completed(done.returncode, done.stdout, done.stderr)


def nothing(file: Path) -> None:
    pass


def whole(file: Path) -> None:
    file.write_text(WHOLE)
    file.chmod(0o755)


def without_right_to_run_it(file: Path) -> None:
    file.write_text(WHOLE)
    file.chmod(0o644)


def a_folder(file: Path) -> None:
    file.mkdir()


@pytest.mark.parametrize(
    ("left", "size"),
    [(whole, str(len(WHOLE))), (nothing, ""), (without_right_to_run_it, ""), (a_folder, "")],
)
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_probe_lists_copies_with_the_size_of_their_executable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: Callable[[Path], None], size: str, shell: str
) -> None:
    folder = tmp_path / "codex_cli" / "1.0.0-linux-x64"
    folder.mkdir(parents=True)
    marker = json.dumps({"agent": "codex_cli", "file": "the cli", "size": 1})
    (folder / "copy.json").write_text(marker)
    left(folder / "the cli")
    monkeypatch.setattr(probe_module, "PROVIDED", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = anyio.run(probe_sandbox, lambda argv: here([shell, *argv[1:]]), [])
    (copy,) = found.copies
    assert copy == Copy(
        "mount" if os.stat(folder).st_dev != os.stat("/").st_dev else "image", str(folder), marker, size
    )
    os.rmdir(found.scratch)


def test_a_marker_that_names_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "codex_cli" / "1.0.0-linux-x64"
    folder.mkdir(parents=True)
    (folder / "copy.json").write_text("{}")
    monkeypatch.setattr(probe_module, "PROVIDED", str(tmp_path))
    found = anyio.run(probe_sandbox, here, [])
    assert [(copy.marker, copy.size) for copy in found.copies] == [("{}", "")]
    os.rmdir(found.scratch)
