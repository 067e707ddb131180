from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest

from inspect_swe._errors import DigestMismatchError, RegistryError
from inspect_swe._packages.pypi.config import PipConfig
from inspect_swe._packages.pypi.index import IndexFile, PyPIIndex

from .fake_registry import FakeRegistry, Reply
from .wheel_index import HTML, JSON, WheelIndex, make_wheel, metadata_text, sha256

NAME = "acme-1.0-py3-none-any.whl"


def test_files_by_json(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("Acme.Tool", "1.0", python=">=3.10", yanked="broken")
    wheels.publish("Acme.Tool", "1.1rc1", beside=False, yanked=False)
    wheels.entries["Acme.Tool"].append({"filename": "acme.tool-1.0.tar.gz", "url": "x", "hashes": {}})
    wheels.refresh("Acme.Tool")
    old, new = index.files("Acme_Tool")
    body = make_wheel("Acme.Tool", "1.0", python=">=3.10")
    assert (old.name, str(old.version), old.requires_python, old.yanked) == ("acme-tool", "1.0", ">=3.10", True)
    assert old.url == f"{wheels.server.url}/files/{old.filename}" and old.sha256 == sha256(body)
    assert old.core_metadata == sha256(metadata_text("Acme.Tool", "1.0", python=">=3.10"))
    assert (str(new.version), new.requires_python, new.yanked, new.core_metadata) == ("1.1rc1", None, False, None)
    accept = wheels.server.seen[0].headers["accept"]
    assert accept.startswith("application/vnd.pypi.simple.v1+json") and "text/html" in accept


def test_files_by_html(server: FakeRegistry, index: PyPIIndex) -> None:
    digest = "0" * 64
    page = f"""<html><head><base href="{server.url}/elsewhere/"></head><body>
        <a href="f/acme-1.0-py3-none-any.whl#sha256={digest}" data-requires-python="&gt;=3.10"
           data-dist-info-metadata="sha256={digest}">acme</a>
        <a href="f/acme-1.0%2Blocal-py3-none-any.whl#md5=1" data-yanked data-core-metadata="true">acme</a>
        <a href="f/acme-2.0-py3-none-any.whl" data-core-metadata="false">acme</a>
        <a href="f/acme-1.0.zip">acme</a><a name="x">no link</a></body></html>"""
    server.replies["/simple/acme/"] = Reply(body=page.encode(), headers=HTML)
    assert index.files("acme") == [
        IndexFile(NAME, f"{server.url}/elsewhere/f/{NAME}", digest, ">=3.10", digest),
        IndexFile(
            "acme-1.0+local-py3-none-any.whl",
            f"{server.url}/elsewhere/f/acme-1.0%2Blocal-py3-none-any.whl",
            core_metadata="",
            yanked=True,
        ),
        IndexFile("acme-2.0-py3-none-any.whl", f"{server.url}/elsewhere/f/acme-2.0-py3-none-any.whl"),
    ]


def test_links_are_relative_to_the_redirected_page(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("acme", "1.0")
    wheels.server.replies["/mirror/deep/acme/"] = wheels.server.replies["/simple/acme/"]
    wheels.server.replies["/simple/acme/"] = Reply(301, headers={"Location": "/mirror/deep/acme/"})
    assert index.files("acme")[0].url == f"{wheels.server.url}/mirror/files/{NAME}"


def test_the_first_of_several_indexes_takes_precedence(server: FakeRegistry, other_server: FakeRegistry) -> None:
    first, second = WheelIndex(server), WheelIndex(other_server)
    first.publish("acme", "1.0")
    second.publish("acme", "1.0")
    second.publish("acme", "2.0")
    second.publish("other", "1.0")
    with PyPIIndex(PipConfig((first.url, second.url))) as index:
        assert [file.url.startswith(server.url) for file in index.files("acme")] == [True, False]
        assert len(index.files("other")) == 1 and index.files("unknown") == []


def test_an_index_that_fails_counts_only_if_no_other_has_the_project(
    server: FakeRegistry, other_server: FakeRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    server.replies["/simple/acme/"] = Reply(403)
    server.replies["/simple/other/"] = Reply(403)
    second = WheelIndex(other_server)
    second.publish("acme", "1.0")
    with PyPIIndex(PipConfig((f"{server.url}/simple", second.url))) as index:
        assert len(index.files("acme")) == 1 and "403" in caplog.text
        with pytest.raises(RegistryError, match="403"):
            index.files("other")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(401), "HTTP status 401"),
        (Reply(503), "HTTP status 503"),
        (Reply(body=b"not found"), "invalid project page"),
        (Reply(body=b"[]", headers=JSON), "invalid project page"),
        (Reply(body=b'{"files": [{}]}', headers=JSON), "invalid project page"),
        (Reply(body=b"{", headers=JSON), "invalid project page"),
    ],
)
def test_invalid_answers(reply: Reply, reason: str, server: FakeRegistry) -> None:
    server.replies["/simple/acme/"] = reply
    config = PipConfig((f"http://me:s3cret@{server.host}/simple",))
    with PyPIIndex(config) as index, pytest.raises(RegistryError, match=reason) as failure:
        index.files("acme")
    text = str(failure.value)
    assert server.host in text and "s3cret" not in text and "acme" in text
    assert "pip.conf" in text and "PIP_INDEX_URL" in text and "inspect-swe download" in text


def test_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/simple"
        with (
            PyPIIndex(PipConfig((url,))) as index,
            pytest.raises(RegistryError, match="could not be reached") as failure,
        ):
            index.files("acme")
    assert url in str(failure.value)


def test_metadata_beside_the_wheel(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("acme", "1.0", ("other>=2",))
    assert index.metadata(index.files("acme")[0]).get("requires_dist") == ["other>=2"]
    assert wheels.server.count(".whl") == 0


def test_changed_metadata_is_refused(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("acme", "1.0")
    wheels.server.replies[f"/files/{NAME}.metadata"] = Reply(body=b"Name: evil")
    with pytest.raises(DigestMismatchError, match="sha256"):
        index.metadata(index.files("acme")[0])


@pytest.mark.parametrize("promised", [True, False])
def test_metadata_from_the_whole_wheel(promised: bool, wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("acme", "1.0", ("other>=2",), beside=promised)
    wheels.server.replies.pop(f"/files/{NAME}.metadata", None)
    assert index.metadata(index.files("acme")[0]).get("requires_dist") == ["other>=2"]


def test_metadata_by_ranges(wheels: WheelIndex, index: PyPIIndex) -> None:
    noise = b"".join(hashlib.sha256(bytes([i, j])).digest() for i in range(100) for j in range(100))
    wheels.publish("acme", "1.0", ("other>=2",), beside=False, files={"big.bin": noise})
    whole = wheels.server.reply(f"/files/{NAME}")
    sent = []

    def part(count: int) -> Reply:
        first, last = (int(end) for end in wheels.server.seen[-1].headers["range"][6:].split("-"))
        body = whole.body[first : last + 1]
        sent.append(len(body))
        return Reply(206, body, {"Content-Range": f"bytes {first}-{last}/{len(whole.body)}"})

    wheels.server.replies[f"/files/{NAME}"] = part
    assert index.metadata(index.files("acme")[0]).get("requires_dist") == ["other>=2"]
    assert sum(sent) < len(whole.body) / 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b"no zip", "invalid wheel"), (None, "HTTP status 404"), (b"PK\5\6" + 18 * b"\0", "invalid wheel")],
)
def test_wheels_without_metadata(body: bytes | None, reason: str, wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("acme", "1.0", beside=False)
    wheels.server.replies[f"/files/{NAME}"] = Reply(404) if body is None else Reply(body=body)
    with pytest.raises(RegistryError, match=reason) as failure:
        index.metadata(index.files("acme")[0])
    assert NAME in str(failure.value)


def test_an_index_in_a_folder(tmp_path: Path) -> None:
    body = make_wheel("acme", "1.0", ("other",))
    (tmp_path / "simple/acme").mkdir(parents=True)
    (tmp_path / NAME).write_bytes(body)
    (tmp_path / "simple/acme/index.html").write_text(f'<a href="../../{NAME}#sha256={sha256(body)}">x</a>')
    config = PipConfig.load({"PIP_INDEX_URL": f"file://{tmp_path}/simple"}, tmp_path, tmp_path)
    with PyPIIndex(config) as index:
        (file,) = index.files("acme")
        assert file.sha256 == sha256(body) and index.metadata(file).get("requires_dist") == ["other"]
        assert index.files("other") == []


def test_a_remote_index_can_not_refer_to_local_files(wheels: WheelIndex, index: PyPIIndex) -> None:
    wheels.publish("acme", "1.0", url="file:///etc/acme-1.0-py3-none-any.whl")
    assert index.files("acme") == []
