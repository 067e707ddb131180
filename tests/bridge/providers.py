"""A provider on this host's loopback that records requests and answers with given JSON."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Provider:
    """The server's address and what it received.

    Args:
        url: Its base URL.
        bodies: Bodies of the requests, in order.
        headers: Their headers, with names in lower case.
        paths: Their paths.
    """

    url: str
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


Answer = Callable[[int, dict[str, Any]], "dict[str, Any] | bytes"]
"""Returns the JSON, or the server-sent events, for the n-th request."""


@contextlib.contextmanager
def provider(answer: Answer) -> Iterator[Provider]:
    """Serve on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            counts = self.path.endswith("/count_tokens")
            reply = {"input_tokens": 3} if counts else answer(len(served.bodies), body)
            if not counts:
                served.bodies.append(body)
                served.headers.append({name.lower(): value for name, value in self.headers.items()})
                served.paths.append(self.path)
            data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(200)
            self.send_header("content-type", "text/event-stream" if isinstance(reply, bytes) else "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
