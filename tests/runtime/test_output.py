"""What is read out of a CLI's output."""

from __future__ import annotations

from inspect_swe._runtime.output import missing_libraries

MUSL = """\
Error loading shared library libstdc++.so.6: No such file or directory (needed by /tools/cli)
Error loading shared library libgcc_s.so.1: No such file or directory (needed by /tools/cli)
Error relocating /tools/cli: _ZSt4cerr: symbol not found
"""
GLIBC = "node: error while loading shared libraries: libatomic.so.1: cannot open shared object file: No such file\n"


def test_missing_libraries() -> None:
    assert missing_libraries(MUSL) == ["libstdc++.so.6", "libgcc_s.so.1"]
    assert missing_libraries(MUSL * 2) == ["libstdc++.so.6", "libgcc_s.so.1"]
    assert missing_libraries(GLIBC) == ["libatomic.so.1"]
    assert missing_libraries("Error: no such model\n") == []
