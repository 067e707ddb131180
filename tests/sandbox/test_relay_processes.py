from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from inspect_swe._errors import AgentStartError, SandboxDiedError
from inspect_swe._sandbox.relay.multiplexer import ExitStatus, Multiplexer, SandboxFileError

from .relay_support import ENV, LocalPipeChannel, collect, gone_within, local_session, session_pids

pytestmark = pytest.mark.anyio


async def test_output_and_exit_code() -> None:
    async with local_session() as session:
        assert await session.run("sh", "-c", "echo out; echo err >&2; exit 3") == (
            ExitStatus(3, None),
            b"out\n",
            b"err\n",
        )
        assert (await session.run("sh", "-c", "kill -15 $$"))[0] == ExitStatus(None, 15)
        results = await asyncio.gather(*(session.run("sh", "-c", f"exit {n}") for n in range(20)))
        assert [status.code for status, _, _ in results] == list(range(20))


async def test_environment_is_inherited_and_what_was_given_wins(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("pwd; env")  # no "#!": the shell's, as with execvp
    tool.chmod(0o755)
    env = {"PATH": f"/nope:{tmp_path}:/usr/bin:/bin", "A": "b=c\nd", "AGENT_SESSION": "other"}
    async with local_session() as session:
        status, out, _ = await collect(await session.relay.spawn(["tool"], cwd=str(tmp_path), env=env))
        assert status.code == 0
        process = await session.relay.spawn(["env", "-0"], cwd=None, env=env)
        _, raw, _ = await collect(process)
        expected = {**env, "AGENT_SESSION": session.token}
        seen = dict(e.split("=", 1) for e in raw.decode().rstrip("\0").split("\0"))
        assert expected.items() <= seen.items()
        assert seen.keys() - expected.keys() <= {*os.environ, "COLUMNS", "LINES"}  # pytest sets two in C
        assert raw.count(b"\0PATH=") + raw.startswith(b"PATH=") == 1
        assert out.decode().splitlines()[0] == str(tmp_path)
        _, out, _ = await session.run("sh", "-c", "ps -o pid=,pgid=,sid= -p $$")
        assert len(set(out.split())) == 1
        # Signals are as a login shell would have them, and no descriptor leaks.
        _, out, _ = await session.run("grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")
        # (Signals 32 to 34 belong to the C library, which lets nobody change them.)
        assert [int(line.split()[1], 16) & ~(0b111 << 31) for line in out.splitlines()] == [0, 0]
        _, out, _ = await session.run("ls", "/proc/self/fd")
        assert out.split() == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize(
    ("argv", "cwd", "message"),
    [
        (["nope"], None, r"Cannot start nope: it cannot be executed: No such file"),
        (["/etc/passwd"], None, "Permission denied"),
        (["true"], "/nope", r"working directory cannot be entered \(/nope\): No such file"),
        (["true", "x" * 200_000], None, "Argument list too long"),
        (["true", *(["x" * 100_000] * 60)], None, "is the limit"),
        (["a\0b"], None, "NUL"),
        ([""], None, "No such file"),
        ([], None, "needs a program"),
    ],
)
async def test_what_cannot_be_started(argv: list[str], cwd: str | None, message: str) -> None:
    async with local_session() as session:
        with pytest.raises(AgentStartError, match=message):
            await session.relay.spawn(argv, cwd=cwd, env=ENV)
        assert (await session.run("true"))[0].code == 0


async def test_large_arguments_and_stdin() -> None:
    text = bytes(range(256)) * 20_000
    async with local_session() as session:
        status, out, _ = await session.run("cat", stdin=text)
        assert status.code == 0 and out == text
        argv = ["sh", "-c", 'printf %s "$@" | wc -c', "sh", *(["x" * 100_000] * 15)]
        assert int((await session.run(*argv))[1]) == 1_500_000
        assert (await session.run("true", stdin=text))[0].code == 0  # nobody reads it
        assert (await session.run("sh", "-c", "exec <&-; sleep 0.2", stdin=text))[0].code == 0


async def test_stdin_left_open() -> None:
    async def anext_(output: object) -> object:
        return await asyncio.wait_for(output.__anext__(), 60)  # type: ignore[attr-defined]

    async with local_session() as session:
        process = await session.relay.spawn(["cat"], cwd=None, env=ENV, stdin=None)
        output = process.output()
        for word in (b"one", b"two"):
            await process.write(word)
            assert await anext_(output) == ("stdout", word)
        await process.close_stdin()
        assert [item async for item in output] == []
        assert await process.wait() == ExitStatus(0, None)


async def test_a_background_process_does_not_delay_the_exit() -> None:
    async with local_session() as session:
        process = await session.relay.spawn(
            ["sh", "-c", "(while echo tick; do sleep 0.05; done) & echo done"], cwd=None, env=ENV
        )
        status, out, _ = await asyncio.wait_for(collect(process), 60)  # the background process never ends
        assert status.code == 0 and b"done" in out
        await asyncio.sleep(0.4)
        assert session_pids(session.token)  # its output has nowhere to go, but it lives
        await process.kill()
        assert await asyncio.to_thread(gone_within, session.token, 60)


async def test_all_output_comes_before_the_exit_however_slow_the_reader() -> None:
    async with local_session() as session:
        process = await session.relay.spawn(["head", "-c", "1000000", "/dev/zero"], cwd=None, env=ENV)
        await asyncio.sleep(0.5)
        (status, out, _) = await collect(process)
        assert (status.code, len(out)) == (0, 1_000_000)


async def test_kill_and_kill_all() -> None:
    async with local_session() as session:
        process = await session.relay.spawn(["sleep", "100"], cwd=None, env=ENV)
        await process.kill(15)
        assert (await collect(process))[0] == ExitStatus(None, 15)
        process = await session.relay.spawn(
            ["sh", "-c", "setsid sh -c 'setsid sleep 100 & sleep 100' & env -i sleep 100 & sleep 100"],
            cwd=None,
            env=ENV,
        )
        await asyncio.sleep(0.2)
        await session.relay.kill_all()
        assert session_pids(session.token) == []
        assert (await collect(process))[0] == ExitStatus(None, 9)
        assert (await session.run("true"))[0].code == 0


async def test_a_dead_relay_ends_what_waits_for_it() -> None:
    channel = await LocalPipeChannel.open()
    relay = Multiplexer(channel, token="dead-relay", connect=None)
    await relay.start()
    process = await relay.spawn(["sleep", "100"], cwd=None, env=ENV)
    channel.process.kill()
    with pytest.raises(SandboxDiedError):
        await asyncio.wait_for(process.wait(), 5)
    with pytest.raises(SandboxDiedError):
        await collect(process)
    with pytest.raises(SandboxDiedError):
        await relay.spawn(["true"], cwd=None, env=ENV)
    with pytest.raises(SandboxDiedError):
        await relay.write_file("/nope", b"")
    with pytest.raises(SandboxDiedError):
        await relay.kill_all()
    await process.kill()
    assert str(relay.error) == "The relay in the sandbox ended. That is known of it."
    assert relay.closed.is_set()
    await relay.aclose()


async def test_files(tmp_path: Path) -> None:
    async with local_session() as session:
        relay = session.relay
        for mode in (0o644, 0o755, 0o600, 0o4711):
            path = tmp_path / "new" / "deep" / f"file-{mode:o}"
            await relay.write_file(str(path), b"content", mode)
            assert path.read_bytes() == b"content"
            assert stat.S_IMODE(path.stat().st_mode) == mode
        await relay.write_file(str(path), b"")
        assert path.read_bytes() == b""
        await asyncio.gather(*(relay.write_file(f"{tmp_path}/n/{n}", bytes([n]) * 9999) for n in range(30)))
        assert all((tmp_path / f"n/{n}").read_bytes() == bytes([n]) * 9999 for n in range(30))


async def test_a_large_file_is_streamed(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * (50 * 4096))
    async with local_session() as session:
        await session.relay.write_file(str(target), source)
        assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/proc/nope/file", "No such file or directory"),
        ("/dev/null/file", "Not a directory"),
        ("/tmp", "directory"),
        ("/tmp/" + "x" * 300, "File name too long"),
        ("", "Invalid"),
        ("/tmp/a\0b", "Invalid"),
    ],
)
async def test_files_that_cannot_be_written(path: str, message: str) -> None:
    async with local_session() as session:
        with pytest.raises(SandboxFileError, match=message) as info:
            await session.relay.write_file(path, b"x" * 5_000_000)
        assert info.value.filename == path
        assert (await session.run("true"))[0].code == 0


async def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("old")
    source = tmp_path / "source"
    source.write_bytes(b"new" * 20_000_000)

    def names() -> list[str]:
        return sorted(path.name.split("-")[0] for path in tmp_path.iterdir())

    async with local_session() as session:
        writing = asyncio.create_task(session.relay.write_file(str(target), source))
        while ".relay" not in names():  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert target.read_text() == "old"
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        await session.run("true")
        assert target.read_text() == "old"
        assert names() == ["source", "target"]
        with pytest.raises(FileNotFoundError):
            await session.relay.write_file(str(target), tmp_path / "missing")
        await session.run("true")
        assert names() == ["source", "target"]


async def test_output_goes_on_after_one_stream_was_closed() -> None:
    """Only data is charged to the window: giving credit back for an end of file would break the session."""
    async with local_session() as session:
        status, out, _ = await session.run("sh", "-c", "exec 2>&1; head -c 400000 /dev/zero; sleep 0.1")
        assert (status, len(out)) == (ExitStatus(0, None), 400_000)


async def test_daemons_outlive_a_session_that_detaches() -> None:
    async with local_session() as session:
        _, out, _ = await session.run("sh", "-c", "setsid sleep 300 >/dev/null 2>&1 & echo $!")
        daemon = int(out)
        await session.relay.detach()
    try:
        os.kill(daemon, 0)
    finally:
        os.kill(daemon, 9)
