"""A local Python package index."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from typing import Any

from inspect_swe._packages.pypi.config import PipConfig

from .fake_registry import FakeRegistry, Reply

JSON = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
HTML = {"Content-Type": "text/html"}


def metadata_text(name: str, version: str, requires: tuple[str, ...] = (), python: str | None = None) -> bytes:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in requires]
    lines += [f"Requires-Python: {python}"] if python else []
    return ("\n".join(lines) + "\n").encode()


def make_wheel(
    name: str,
    version: str,
    requires: tuple[str, ...] = (),
    python: str | None = None,
    files: dict[str, bytes] | None = None,
) -> bytes:
    stem = f"{name.replace('-', '_')}-{version}"
    content = {f"{name.replace('-', '_')}.py": b"x = 1\n", **(files or {})}
    content[f"{stem}.dist-info/METADATA"] = metadata_text(name, version, requires, python)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in content.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class WheelIndex:
    """Wheels on a fake registry, below `/simple` and `/files`."""

    def __init__(self, server: FakeRegistry) -> None:
        self.server = server
        self.entries: dict[str, list[dict[str, Any]]] = {}

    @property
    def url(self) -> str:
        return f"{self.server.url}/simple"

    @property
    def config(self) -> PipConfig:
        return PipConfig((self.url,))

    def publish(
        self,
        name: str,
        version: str,
        requires: tuple[str, ...] = (),
        *,
        tags: str = "py3-none-any",
        python: str | None = None,
        beside: bool = True,
        files: dict[str, bytes] | None = None,
        **entry: Any,
    ) -> str:
        """Publish a wheel, and return its file name."""
        filename = f"{name.replace('-', '_')}-{version}-{tags}.whl"
        data = make_wheel(name, version, requires, python, files)
        text = metadata_text(name, version, requires, python)
        fields = {"filename": filename, "url": f"../../files/{filename}", "hashes": {"sha256": sha256(data)}}
        if python is not None:
            fields["requires-python"] = python
        if beside:
            fields["core-metadata"] = {"sha256": sha256(text)}
            self.server.replies[f"/files/{filename}.metadata"] = Reply(body=text)
        self.server.replies[f"/files/{filename}"] = Reply(body=data)
        self.entries.setdefault(name, []).append({**fields, **entry})
        self.refresh(name)
        return filename

    def refresh(self, name: str) -> None:
        project = re.sub(r"[-_.]+", "-", name).lower()
        page = json.dumps({"files": self.entries[name]}).encode()
        self.server.replies[f"/simple/{project}/"] = Reply(body=page, headers=JSON)
