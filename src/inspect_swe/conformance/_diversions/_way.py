"""Diversions of a CLI, and the server that diverted requests reach."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ELSEWHERE = "http://127.0.0.1:8790"
"""The target of diverted requests: a server in the sandbox that records them."""
SOCKET = "/tmp/elsewhere.sock"
RECORD = "/tmp/elsewhere.txt"

_SERVER = f"""
import http.server, os, socketserver, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        with open("{RECORD}", "a") as record:
            record.write(self.requestline + "\\n")
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b'{{"error": {{"message": "you were diverted", "type": "diverted", "code": 400}}}}'
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_HEAD = do_CONNECT = do_OPTIONS = answer

    def address_string(self):
        return "sandbox"

    def log_message(self, *args):
        pass

class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    pass

os.umask(0)
open("{RECORD}", "w").close()
unix = Unix("{SOCKET}", Handler)
threading.Thread(target=unix.serve_forever, daemon=True).start()
http.server.ThreadingHTTPServer(("127.0.0.1", 8790), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Diversion:
    """A way to divert a CLI.

    Args:
        name: Name of the diversion.
        agents: Agents that it targets; empty for all.
        env: Variables of the image.
        files: Files, by absolute path or a path below the home (`~/`) or working directory (`./`).
        error: Name of a variable or file that a typed error must contain; None if model requests must succeed.
    """

    name: str
    agents: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


def setup_script(ways: Iterable[Diversion], places: Sequence[tuple[str, str]] = (("$HOME", "."),)) -> str:
    """Return a sample's setup script, which starts the server and writes the files.

    A JSON file of several ways merges their settings; any other file is the first way's.

    Args:
        ways: Diversions to apply.
        places: Home and working directories.
    """
    lines = ["#!/bin/sh", "set -e", f"cat > /tmp/elsewhere.py <<'END'{_SERVER}END"]
    lines += ["setsid python3 /tmp/elsewhere.py >/tmp/elsewhere.log 2>&1 </dev/null &"]
    lines += [f"while ! [ -e {RECORD} ]; do sleep 0.1; done"]
    for path, content in _files(ways).items():
        for home, cwd in places if path[0] in "~." else places[:1]:
            place = path.replace("~/", f"{home}/", 1) if path[0] == "~" else path
            place = place.replace("./", f"{cwd}/", 1) if place.startswith("./") else place
            lines += [f'mkdir -p "$(dirname "{place}")"', f'printf %s {shlex.quote(content)} > "{place}"']
    return "\n".join(lines) + "\n"


def _files(ways: Iterable[Diversion]) -> dict[str, str]:
    contents: dict[str, str] = {}
    for path, content in (pair for way in ways for pair in way.files.items()):
        if path.endswith(".json") and path in contents:
            content = json.dumps(_united(json.loads(contents[path]), json.loads(content)))
        contents[path] = content if path.endswith(".json") else contents.get(path, content)
    return contents


def _united(first: Any, second: Any) -> Any:
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return second
    return {**first, **{name: _united(first.get(name), value) for name, value in second.items()}}


def settings(**content: Any) -> str:
    """Return settings as JSON."""
    return json.dumps(content)


def dotenv(values: Mapping[str, str]) -> str:
    """Return variables as a `.env` file."""
    return "".join(f"{name}={value}\n" for name, value in values.items())
