"""Runs inside the container: model calls of about 1 KB, one after the other and then all at once. Standard library.

Usage: client.py BASE_URL SEQUENTIAL CLIENTS
"""

import http.client
import json
import sys
import threading
import time
import urllib.parse

BODY = json.dumps(
    {
        "model": "inspect",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": "x" * 900}],
    }
).encode()
HEADERS = {"content-type": "application/json", "x-api-key": "none", "anthropic-version": "2023-06-01"}
PER_CLIENT = 2


def connect() -> http.client.HTTPConnection:
    url = urllib.parse.urlsplit(sys.argv[1])
    return http.client.HTTPConnection(url.hostname or "", url.port, timeout=200)


def call(connection: http.client.HTTPConnection) -> float:
    started = time.perf_counter()
    connection.request("POST", "/v1/messages", BODY, HEADERS)
    reply = connection.getresponse()
    body = reply.read()
    seconds = time.perf_counter() - started
    if reply.status != 200 or b"done after 1" not in body:
        raise SystemExit(f"status {reply.status}: {body[:500]!r}")
    return seconds


def first_call() -> http.client.HTTPConnection:
    """Not measured: it waits until the bridge listens, and pays for whatever is loaded lazily, on either side."""
    deadline = time.monotonic() + 60
    while True:
        connection = connect()
        try:
            call(connection)
            return connection
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def main() -> None:
    sequential, clients = int(sys.argv[2]), int(sys.argv[3])
    connection = first_call()
    alone = [call(connection) for _ in range(sequential)]
    times: list[float] = []
    gate = threading.Barrier(clients + 1)

    def client() -> None:
        own = connect()
        gate.wait()
        for _ in range(PER_CLIENT):
            times.append(call(own))

    tracker = [threading.Thread(target=client) for _ in range(clients)]
    for thread in tracker:
        thread.start()
    gate.wait()
    started = time.perf_counter()
    for thread in tracker:
        thread.join()
    wall = time.perf_counter() - started
    if len(times) != clients * PER_CLIENT:
        raise SystemExit(f"{len(times)} of {clients * PER_CLIENT} concurrent calls succeeded")
    print(json.dumps({"sequential": alone, "concurrent": times, "concurrent_wall": wall}))


main()
