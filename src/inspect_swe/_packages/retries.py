"""Retries of failed requests: which errors to retry, how long to wait, and when to stop."""

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

# Longest pause before each retry. The actual pause is 50 to 100 % of it, to spread out many clients.
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_LONGEST_WAIT = 60.0
# Retry fewer times if the server never responded: each try may take 15 seconds.
_UNREACHABLE_PAUSES = 2
# New bytes after which the retries are counted from zero.
_STEP = 1 << 20


class Abandoned(Exception):
    """The caller cancelled the operation."""


class TransientError(Exception):
    """An error to retry: the transfer was cut short, or the server is busy or broken.

    Args:
        message: Text of the error.
        wait: Seconds to wait, from the server's `Retry-After`.
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


def retried(work: Callable[[], T], stop: threading.Event | None = None, done: Callable[[], int] = lambda: 0) -> T:
    """Return the result of work, and retry it after transient errors. Raises the last error.

    Args:
        work: Function that may raise `TransientError` or a connection error.
        stop: Cancels the work when set.
        done: Returns the number of bytes received so far. Enough progress resets the count of failures.

    Raises:
        Abandoned: `stop` was set.
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
    """Check a response for statuses of a busy or broken server.

    Raises:
        TransientError: The request is worth a retry.
    """
    if response.status_code in (408, 429) or response.status_code >= 500:
        message = f"HTTP status {response.status_code} {response.reason_phrase}".rstrip()
        raise TransientError(message, _seconds(response.headers.get("Retry-After", "")))


def _pause(failures: int, error: Exception) -> float:
    wait = error.wait if isinstance(error, TransientError) else 0.0
    return min(wait, _LONGEST_WAIT) + _PAUSES[failures] * random.uniform(0.5, 1)


def _is_worth_it(error: BaseException | None) -> bool:
    """Return False for configuration errors: a URL that isn't HTTP, or a certificate that isn't trusted."""
    while error is not None:
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError | ssl.SSLCertVerificationError):
            return False
        error = error.__cause__ or error.__context__
    return True


def _seconds(retry_after: str) -> float:
    """Return the seconds from a `Retry-After` header (a number or date), or 0 if it is not valid."""
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0
