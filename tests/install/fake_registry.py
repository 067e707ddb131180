"""A local npm registry that can simulate faults."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

PACKAGE = "@acme/tool-linux-x64"
MEMBER = "package/tool"


def make_tarball(files: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), 0o644, 499162500
            if kind != tarfile.REGTYPE:
                member.type, member.size, member.linkname = kind, 0, "/etc/passwd"
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def embed_tarball(name: str, tarball: bytes, rest: bytes = b"") -> bytes:
    """Return a Node.js executable that embeds a tarball."""
    counted = [len(part).to_bytes(8, "little") + part for part in (name.encode(), tarball)]
    return b"\x7fELF " + name.encode() + b"".join(counted) + rest


def integrity_of(data: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


@dataclass
class Reply:
    """A response: `body` up to `cut_at`, sent within `seconds`, then silence for `stall` seconds.

    With an `etag`, the server supports range requests.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    seconds: float = 0.0
    stall: float = 0.0
    etag: str | None = None


@dataclass
class Seen:
    path: str
    headers: dict[str, str]

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")


class FakeRegistry:
    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.sent: Counter[str] = Counter()
        self.replies: dict[str, Reply | Callable[[int], Reply]] = {}
        self.documents: dict[str, dict[str, Any]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def publish(
        self,
        version: str = "1.0.0",
        package: str = PACKAGE,
        *,
        files: dict[str, bytes] | None = None,
        tarball: bytes | None = None,
        tarball_url: str | None = None,
        integrity: str | None = "right",
        dependencies: dict[str, str] | None = None,
    ) -> str:
        """Publish a version as the latest, and return the path of its tarball."""
        data = tarball or make_tarball(
            files or {MEMBER: b"#!/bin/sh\necho " + version.encode(), "package/a.json": b"{}"}
        )
        path = f"/{package}/-/{package.rpartition('/')[2]}-{version}.tgz"
        dist = {"tarball": tarball_url or self.url + path}
        if integrity is not None:
            dist["integrity"] = integrity_of(data) if integrity == "right" else integrity
        document = self.documents.setdefault(package, {"name": package, "dist-tags": {}, "versions": {}})
        document["versions"][version] = {"version": version, "dist": dist, "dependencies": dependencies or {}}
        document["dist-tags"]["latest"] = version
        self.replies[f"/{package}"] = Reply(body=json.dumps(document).encode())
        self.replies[path] = Reply(body=data)
        return path

    def reply(self, path: str) -> Reply:
        """Return the reply of a published path."""
        reply = self.replies[path]
        assert isinstance(reply, Reply)
        return reply

    def count(self, suffix: str = "") -> int:
        return sum(seen.path.endswith(suffix) for seen in self.seen)

    def _reply(self, path: str) -> Reply:
        reply = self.replies.get(path, Reply(404, b'{"error": "Not found"}'))
        return reply if isinstance(reply, Reply) else reply(self.count(path))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = unquote(self.path)
                registry.seen.append(Seen(path, {name.lower(): value for name, value in self.headers.items()}))
                self._send(path, registry._reply(path))

            def _send(self, path: str, reply: Reply) -> None:
                first = self._first_byte(reply)
                self.send_response(206 if first else reply.status)
                self.send_header("Content-Length", str(len(reply.body) - first))
                if first:
                    self.send_header("Content-Range", f"bytes {first}-{len(reply.body) - 1}/{len(reply.body)}")
                headers = {"ETag": reply.etag, "Accept-Ranges": "bytes"} if reply.etag else {}
                for name, value in {**headers, **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                body = reply.body[first : reply.cut_at]
                step = max(1, len(body) // 20)
                try:
                    for start in range(0, len(body), step):
                        registry.sent[path] += self.wfile.write(body[start : start + step])
                        time.sleep(reply.seconds / 20)
                    time.sleep(reply.stall)
                except OSError:
                    pass

            def _first_byte(self, reply: Reply) -> int:
                requested = self.headers.get("Range", "bytes=0-")
                same = self.headers.get("If-Range", reply.etag) == reply.etag
                return int(requested[len("bytes=") :].partition("-")[0]) if reply.etag and same else 0

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
