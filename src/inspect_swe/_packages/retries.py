"""Trying again: what is worth it, how long to wait before, and when to stop."""

from __future__ import annotations

import email.utils
import random
import ssl
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import httpx

T = TypeVar("T")

# Before each new try, at most; the real pause is between half of it and all, so that many clients spread out.
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_LONGEST_WAIT = 60.0
# Of a server that has never answered less is to be hoped for, and each try may take a quarter of a minute.
_UNREACHABLE_PAUSES = 2
# So many new bytes are worth a fresh set of tries.
_STEP = 1 << 20


class Abandoned(Exception):
    """Nobody waits for the work any more."""


class TransientError(Exception):
    """Worth another try: the transfer was cut short, or the server is busy or broken.

    Args:
        message: What happened.
        wait: Seconds that the server asks to wait.
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


def retried(work: Callable[[], T], stop: threading.Event | None = None, done: Callable[[], int] = lambda: 0) -> T:
    """The result of work that may fail for a moment; the last failure is raised.

    Args:
        work: What may raise `TransientError` or an error of the connection.
        stop: When set, give up.
        done: How many bytes there are already: as long as they become more, it goes on.
    """
    stop = stop or threading.Event()
    failures, before = 0, done()
    while True:
        if stop.is_set():
            raise Abandoned
        try:
            return work()
        except (TransientError, httpx.TransportError) as error:
            if done() - before >= _STEP:
                failures, before = 0, done()
            never_reached = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) and done() == 0
            tries = _UNREACHABLE_PAUSES if never_reached else len(_PAUSES)
            if failures >= tries or not _is_worth_it(error):
                raise
            stop.wait(_pause(failures, error))
            failures += 1


def check_status(response: httpx.Response) -> None:
    """Tell a server that is busy or broken from one that has answered."""
    if response.status_code in (408, 429) or response.status_code >= 500:
        message = f"HTTP status {response.status_code} {response.reason_phrase}".rstrip()
        raise TransientError(message, _seconds(response.headers.get("Retry-After", "")))


def _pause(failures: int, error: Exception) -> float:
    wait = error.wait if isinstance(error, TransientError) else 0.0
    return min(wait, _LONGEST_WAIT) + _PAUSES[failures] * random.uniform(0.5, 1)


def _is_worth_it(error: BaseException | None) -> bool:
    """Not if it is a matter of configuration: a URL that isn't HTTP, a certificate that isn't trusted."""
    while error is not None:
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError | ssl.SSLCertVerificationError):
            return False
        error = error.__cause__ or error.__context__
    return True


def _seconds(retry_after: str) -> float:
    """What `Retry-After` says, in seconds or as a date; 0 if it can't be read."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0
