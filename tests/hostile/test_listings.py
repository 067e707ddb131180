"""What a sandbox prints of its files is not trusted: it is read within bounds, and names no other place."""

from __future__ import annotations

import asyncio
import secrets
import zlib
from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from inspect_swe._results.output_files import _described
from inspect_swe._sandbox.changes import Manifest, StartFolder
from inspect_swe._sandbox.globs import Glob
from inspect_swe._sandbox.read_files import read_files
from inspect_swe._sandbox.workspace import Workspace

MARK = b"abcdef"
FIELDS = st.sampled_from(
    [MARK, b"\n", b" ", b"/", b"..", b".", b"81a4", b"-5", b"9" * 5000, b"a000", b"\xff", b"\0", b"/workspace/out/a"]
)
PRINTED = st.lists(st.one_of(FIELDS, st.binary(max_size=20)), max_size=40).map(b"".join)
LINES = st.lists(st.builds(lambda text: MARK + b" 81a4 5 77 now/workspace/" + text + b"\n", PRINTED)).map(b"".join)


@given(st.one_of(PRINTED, LINES), st.one_of(PRINTED, LINES))
def test_listings(before: bytes, after: bytes) -> None:
    manifest = Manifest(cast(Workspace, None), [Glob("**"), Glob("/data/**")], [Glob("**/.git/**")])
    manifest._mark = MARK.decode()
    manifest._folders = {"": StartFolder("", "/workspace"), "/data": StartFolder("/data", "/data")}
    manifest._before = zlib.compress(before)
    for found in manifest._compare(after, everything=True):
        assert found.path.startswith(("/workspace/", "/data/"))
        assert not {"", ".", ".."} & set(found.path.split("/")[1:]) and "/.git/" not in found.path
        assert 0 <= found.size < 10**20
        _described(found).path.encode()


@given(PRINTED, st.integers(0, 5), st.integers(0, 300))
def test_contents(printed: bytes, count: int, limit: int) -> None:
    async def capture(argv: object, limit: int) -> tuple[int, bytes, bytes]:
        return 0, printed[: limit + 10], b""

    workspace = cast(Workspace, SimpleNamespace(capture=capture))
    with patch.object(secrets, "token_bytes", lambda size: bytes.fromhex(MARK.decode())):
        contents = asyncio.run(read_files(workspace, ["/x"] * count, limit, 1000))
    assert len(contents) == count
    assert all(content is None or len(content) <= limit + 1 for content in contents)
