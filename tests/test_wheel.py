"""What people install: the wheel, built from this checkout."""

from __future__ import annotations

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LARGEST_FILE = 64 << 10
LARGEST_WHEEL = 704 << 10


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_what_runs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        relays = [archive.read(f"inspect_swe/_sandbox/relay_src/relay-{name}") for name in ("x86_64", "aarch64")]
    source = ROOT / "src"
    kept = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in sizes if ".dist-info/" not in name} == kept
    for name in (
        "py.typed",
        "_packages/pins.json",
        "_packages/locks/antigravity.json",
        "_packages/locks/mini_swe_agent.json",
        "_agents/codex_cli/models.json",
        "_agents/opencode/models.json",
    ):
        assert f"inspect_swe/{name}" in sizes
    assert all(relay.startswith(b"\x7fELF") for relay in relays)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in sizes)
    assert any(name.endswith(".dist-info/licenses/NOTICE") for name in sizes)


def test_it_is_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        large = {info.filename: info.file_size for info in archive.infolist() if info.file_size > LARGEST_FILE}
    assert not large
    assert wheel.stat().st_size <= LARGEST_WHEEL


def test_its_entry_points(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        points = configparser.ConfigParser()
        points.read_string(archive.read(name).decode())
    assert dict(points["console_scripts"]) == {"inspect-swe": "inspect_swe.cli:main"}
    assert dict(points["inspect_ai"]) == {"inspect_swe": "inspect_swe._registry"}
