"""Which Docker engine is taken, and for which sandboxes. The engines here answer no more than a ping."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest
from inspect_ai.util import SandboxConnection

from inspect_swe._sandbox.transports import docker as module
from inspect_swe._sandbox.transports.docker import connect_docker, engine


class Ping(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"ApiVersion": "1.44"}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Three engines, and no configuration of docker but an empty one of this test's own."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Ping) for _ in range(3)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "_engines", [])
    yield [f"http://127.0.0.1:{server.server_port}" for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


def add_context(folder: Path, name: str, host: str) -> None:
    """What `docker context create` writes."""
    meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": False}
    meta.write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}))


def found() -> str | None:
    """The engine's address, looked for anew."""
    module._engines.clear()
    client = engine()
    return client.base_url if client else None


def test_the_one_that_the_docker_command_would_take(
    hosts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_context(tmp_path, "first", hosts[0].replace("http:", "tcp:"))
    add_context(tmp_path, "second", hosts[1].replace("http:", "tcp:"))
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": "first"}))
    assert found() == hosts[0]
    monkeypatch.setenv("DOCKER_CONTEXT", "second")
    assert found() == hosts[1]
    monkeypatch.setenv("DOCKER_HOST", hosts[2].replace("http:", "tcp:"))
    assert found() == hosts[2]


def test_over_ssh_the_api_is_not_used(hosts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_context(tmp_path, "far", "ssh://me@127.0.0.1")
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    assert found() is None
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@127.0.0.1")
    assert found() is None


def test_containers_of_other_providers_are_not_looked_for(hosts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", hosts[0].replace("http:", "tcp:"))
    for provider, reached in (("docker", True), ("k8s", False)):
        connection = SandboxConnection(type=provider, command="true", container="default")
        transport = anyio.run(connect_docker, connection, None)
        assert (transport is not None) is reached
