from __future__ import annotations

import email.utils
import ssl
import threading
import time

import httpx
import pytest

from inspect_swe._packages import http
from inspect_swe._packages.http import Abandoned, TransientError, check_status, retried

PAUSES = (0.5, 1.0, 2.0, 4.0)


class Waits(threading.Event):
    """An event that records timeouts instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0)
        return False


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    monkeypatch.setattr(http, "_PAUSES", PAUSES)
    return Waits()


def _fail(error: Exception) -> None:
    raise error


def _wait_of(retry_after: str) -> float:
    with pytest.raises(TransientError) as failure:
        check_status(httpx.Response(429, headers={"Retry-After": retry_after}))
    return failure.value.wait


def test_pauses_grow_and_differ(waits: Waits) -> None:
    for _ in range(20):
        with pytest.raises(TransientError):
            retried(lambda: _fail(TransientError("busy")), waits)
    runs = [waits.seconds[start : start + 4] for start in range(0, 80, 4)]
    assert len(runs) == 20 and all(len(run) == 4 for run in runs)
    for run in runs:
        assert all(limit / 2 <= pause <= limit for pause, limit in zip(run, PAUSES, strict=True))
    assert len({run[0] for run in runs}) > 1


def test_retry_after_has_a_limit(waits: Waits) -> None:
    for wait, low, high in ((3.0, 3.25, 3.5), (3600.0, 60.25, 60.5)):
        with pytest.raises(TransientError):
            retried(lambda wait=wait: _fail(TransientError("busy", wait)), waits)  # type: ignore[misc]
        assert low <= waits.seconds[0] <= high
        waits.seconds.clear()


def test_retry_after() -> None:
    assert _wait_of("7") == 7
    assert 50 < _wait_of(email.utils.formatdate(time.time() + 60, usegmt=True)) <= 60
    assert [_wait_of(text) for text in ("", "soon", "-1", "Wed, 21 Oct 2015 07:28:00 GMT")] == [0, 0, 0, 0]


@pytest.mark.parametrize(("status", "transient"), [(200, False), (404, False), (408, True), (429, True), (503, True)])
def test_statuses(status: int, transient: bool) -> None:
    try:
        check_status(httpx.Response(status))
    except TransientError:
        assert transient
    else:
        assert not transient


def test_progress_resets_the_count(waits: Waits) -> None:
    done = 0

    def work() -> int:
        nonlocal done
        if done == 10 << 20:
            return done
        done += 1 << 20
        raise httpx.ReadError("dropped")

    assert retried(work, waits, lambda: done) == 10 << 20
    assert len(waits.seconds) == 10 and max(waits.seconds) <= PAUSES[0]


@pytest.mark.parametrize(("done", "tries"), [(0, 3), (1, 5)])
def test_a_server_that_can_not_be_reached(done: int, tries: int, waits: Waits) -> None:
    for error in (httpx.ConnectError("refused"), httpx.ConnectTimeout("silence")):
        waits.seconds.clear()
        with pytest.raises(type(error)):
            retried(lambda error=error: _fail(error), waits, lambda: done)  # type: ignore[misc]
        assert len(waits.seconds) + 1 == tries


def test_configuration_errors_are_not_retried(waits: Waits) -> None:
    untrusted = httpx.ConnectError("TLS")
    untrusted.__cause__ = ssl.SSLCertVerificationError("unknown issuer")
    for error in (untrusted, httpx.UnsupportedProtocol("ftp"), httpx.HTTPError("HTTP status 404")):
        with pytest.raises(type(error)):
            retried(lambda error=error: _fail(error), waits)  # type: ignore[misc]
    assert waits.seconds == []


def test_cancellation() -> None:
    stop = threading.Event()

    def work() -> None:
        stop.set()
        raise TransientError("busy")

    with pytest.raises(Abandoned):
        retried(work, stop)
