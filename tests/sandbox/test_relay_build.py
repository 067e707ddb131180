from __future__ import annotations

import importlib.util
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from .relay_support import SOURCES

MACHINES = {"x86_64": 62, "aarch64": 183}


@pytest.mark.parametrize("machine", MACHINES)
def test_binaries_are_static(machine: str) -> None:
    data = (SOURCES / f"relay-{machine}").read_bytes()
    assert data[:6] == b"\x7fELF\x02\x01"
    assert struct.unpack_from("<H", data, 18) == (MACHINES[machine],)
    (offset,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    kinds = [struct.unpack_from("<I", data, offset + size * n)[0] for n in range(count)]
    assert 1 in kinds  # PT_LOAD
    assert 2 not in kinds and 3 not in kinds  # PT_DYNAMIC, PT_INTERP
    assert len(data) < 32_000  # as octal escapes it still fits into one argument


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
@pytest.mark.skipif(not importlib.util.find_spec("ziglang"), reason="needs ziglang")
def test_the_binary_is_what_the_sources_give(tmp_path: Path) -> None:
    folder = tmp_path / "another path"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("relay-*"))
    subprocess.run(
        ["make", "-C", str(folder), f"PYTHON={sys.executable}", "./relay-x86_64"], check=True, capture_output=True
    )
    assert (folder / "relay-x86_64").read_bytes() == (SOURCES / "relay-x86_64").read_bytes()
