"""What is read out of a CLI's output."""

from __future__ import annotations

from inspect_swe._contract.output import OutputBuffer, missing_libraries

MUSL = """\
Error loading shared library libstdc++.so.6: No such file or directory (needed by /tools/cli)
Error loading shared library libgcc_s.so.1: No such file or directory (needed by /tools/cli)
Error relocating /tools/cli: _ZSt4cerr: symbol not found
"""
GLIBC = "node: error while loading shared libraries: libatomic.so.1: cannot open shared object file: No such file\n"


def test_the_beginning_and_the_end_are_kept() -> None:
    def kept(*chunks: bytes) -> str:
        buffer = OutputBuffer(head=4, tail=6)
        for chunk in chunks:
            buffer.add(chunk)
        return buffer.text

    assert kept() == ""
    assert kept(b"abc") == "abc"
    assert kept(b"abc", b"def") == kept(b"abcdef") == "abcdef"
    assert kept(b"abc", b"defgh") == kept(b"abcdefgh") == "abcdefgh"
    assert kept(b"abcdefghij") == kept(*[bytes([each]) for each in b"abcdefghij"]) == "abcdefghij"
    assert kept(b"abcdefgh", b"ijklm") == "abcd\n[... 3 bytes omitted ...]\nhijklm"
    assert kept(*[bytes([each]) for each in b"abcdefghijklm"]) == kept(b"abcdefgh", b"ijklm")


def test_missing_libraries() -> None:
    assert missing_libraries(MUSL) == ["libstdc++.so.6", "libgcc_s.so.1"]
    assert missing_libraries(MUSL * 2) == ["libstdc++.so.6", "libgcc_s.so.1"]
    assert missing_libraries(GLIBC) == ["libatomic.so.1"]
    assert missing_libraries("Error: no such model\n") == []
