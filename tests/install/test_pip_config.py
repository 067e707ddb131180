from __future__ import annotations

import base64
import logging
import os
from pathlib import Path

import httpx
import pytest

from inspect_swe._errors import RegistryError
from inspect_swe._packages.pypi import config as pip_config
from inspect_swe._packages.pypi.config import PipConfig, default_index

from .fake_registry import FakeRegistry, Reply


def _basic(pair: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pip_config, "_MACHINE", tmp_path / "etc")


def _load(tmp_path: Path, **env: str) -> PipConfig:
    nowhere = {"XDG_CONFIG_DIRS": str(tmp_path / "xdg")}
    return PipConfig.load({**nowhere, **env}, tmp_path / "home", tmp_path / "venv")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_default_index_is_a_folder_of_a_bare_https_host() -> None:
    url = httpx.URL(default_index())
    assert url.scheme == "https" and url.host and url.path == "/simple"


def test_the_environment(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        PIP_CONFIG_FILE=os.devnull,
        PIP_INDEX_URL="https://main.test/simple/",
        PIP_EXTRA_INDEX_URL="https://one.test/simple \n https://two.test/x/",
        PIP_CERT="/certs.pem",
        PIP_PROXY="proxy.test:3128",
        PIP_TRUSTED_HOST="a.test b.test:8443",
        PIP_DEFAULT_TIMEOUT="60",
        NO_PROXY="localhost, .corp.test",
    )
    assert config.index_urls == ("https://main.test/simple", "https://one.test/simple", "https://two.test/x")
    assert config.cert == str(Path("/certs.pem")) and config.timeout == 60
    assert config.proxies == {"http://": "http://proxy.test:3128", "https://": "http://proxy.test:3128"}
    assert config.trusted_hosts == ("a.test", "b.test:8443") and config.exempt == ("localhost", ".corp.test")


def test_nothing_configured(tmp_path: Path) -> None:
    config = _load(tmp_path, PIP_CONFIG_FILE=os.devnull, PIP_TIMEOUT="soon")
    assert config == PipConfig((default_index(),), proxies={})


def test_files_from_the_machine_to_the_virtual_environment(tmp_path: Path) -> None:
    places = ["xdg/pip", "etc", "home/.pip", "home/.config/pip", "venv"]
    for count in range(len(places), 0, -1):
        for place in places[:count]:
            _write(tmp_path / place / "pip.conf", f"[global]\nindex-url = https://{place.replace('/', '-')}.test\n")
        for place in places[count:]:
            (tmp_path / place / "pip.conf").unlink(missing_ok=True)
        assert _load(tmp_path).index_urls == (f"https://{places[count - 1].replace('/', '-')}.test",)


def test_pip_config_file_replaces_the_users_and_takes_precedence(tmp_path: Path) -> None:
    _write(tmp_path / "home/.config/pip/pip.conf", "[global]\ncert = /users.pem\n")
    _write(tmp_path / "venv/pip.conf", "[global]\nindex-url = https://venv.test\ntimeout = 7\n")
    _write(tmp_path / "mine.conf", "[global]\nindex_url = https://mine.test\n")
    config = _load(tmp_path, PIP_CONFIG_FILE=str(tmp_path / "mine.conf"))
    assert config.index_urls == ("https://mine.test",) and config.cert is None and config.timeout == 7


def test_sections_as_for_pip_download(tmp_path: Path) -> None:
    _write(tmp_path / "home/.pip/pip.conf", "[download]\nindex-url = https://download.test\n")
    _write(
        tmp_path / "venv/pip.conf",
        "[global]\nindex-url = https://global.test\nextra-index-url =\n    https://a.test\n    https://b.test\n"
        "[install]\nindex-url = https://install.test\n",
    )
    assert _load(tmp_path).index_urls == ("https://download.test", "https://a.test", "https://b.test")
    assert _load(tmp_path, PIP_INDEX_URL="https://env.test", PIP_NO_INDEX="0").index_urls[0] == "https://env.test"
    assert _load(tmp_path, PIP_NO_INDEX="1").index_urls == ("https://a.test", "https://b.test")


def test_a_broken_file_is_reported_without_its_content(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _write(tmp_path / "venv/pip.conf", "index-url = https://me:s3cret@h.test\n")
    assert _load(tmp_path).index_urls == (default_index(),)
    assert "pip.conf" in caplog.text and "s3cret" not in caplog.text


def test_hosts_without_tls_must_be_trusted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plain = "http://plain.test/simple http://127.0.0.1:1/x http://localhost/x http://[::1]/x nonsense http://[x"
    with caplog.at_level(logging.WARNING):
        config = _load(tmp_path, PIP_EXTRA_INDEX_URL=plain)
    assert config.index_urls[1:] == ("http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]/x")
    assert "plain.test" in caplog.text
    trusted = _load(tmp_path, PIP_INDEX_URL="http://u:p@plain.test/s", PIP_TRUSTED_HOST="plain.test")
    assert trusted.headers_for("http://plain.test/file") == _basic("u:p")


@pytest.mark.parametrize(
    ("url", "pair"),
    [
        ("https://h.test/a/simple/x/", "one:1"),
        ("https://h.test/b/simple/x/", "two:2"),
        ("https://h.test/files/x.whl", "one:1"),
        ("https://own:0@h.test/a/simple/", "own:0"),
        ("https://h.test:8443/a/simple/x/", None),
        ("https://h.test.evil.test/a/simple/", None),
        ("http://h.test/a/simple/x/", None),
        ("https://n.test/x", "netrc:s3cret"),
    ],
)
def test_credentials_belong_to_a_host(url: str, pair: str | None, tmp_path: Path) -> None:
    _write(tmp_path / "home/.netrc", "machine n.test login netrc password s3cret\n")
    indexes = {"PIP_INDEX_URL": "https://one:1@h.test/a/simple", "PIP_EXTRA_INDEX_URL": "https://two:2@h.test/b/simple"}
    assert _load(tmp_path, **indexes).headers_for(url) == (_basic(pair) if pair else {})


def test_a_broken_netrc_is_ignored(tmp_path: Path) -> None:
    _write(tmp_path / "other", "nonsense\n")
    config = _load(tmp_path, NETRC=str(tmp_path / "other"))
    assert config.netrc_file == tmp_path / "other" and config.headers_for("https://h.test/") == {}


def test_a_redirect_to_another_host_gets_no_password(server: FakeRegistry, other_server: FakeRegistry) -> None:
    server.replies["/simple/x/"] = Reply(302, headers={"Location": f"{other_server.url}/x"})
    other_server.replies["/x"] = Reply(body=b"done")
    with PipConfig((server.url.replace("//", "//me:s3cret@") + "/simple",)).client() as client:
        assert client.get(f"{server.url}/simple/x/").content == b"done"
    assert server.seen[0].authorization == _basic("me:s3cret")["Authorization"]
    assert other_server.seen[0].authorization is None


def test_requests_go_through_the_proxy_unless_exempt(
    server: FakeRegistry, other_server: FakeRegistry, tmp_path: Path
) -> None:
    other_server.replies["http://index.test/x"] = Reply(body=b"by proxy")
    server.replies["/x"] = Reply(body=b"direct")
    config = _load(tmp_path, http_proxy=other_server.url, no_proxy="127.0.0.1")
    with config.client() as client:
        assert client.get("http://index.test/x").content == b"by proxy"
        assert client.get(f"{server.url}/x").content == b"direct"


def test_trusted_hosts_need_no_certificate_and_keep_the_proxy() -> None:
    proxies = {"https://": "http://proxy.test:3128"}
    config = PipConfig((), proxies=proxies, exempt=("direct.test",), trusted_hosts=("trusted.test", "direct.test"))
    with config.client() as client:
        default = client._transport_for_url(httpx.URL("https://other.test/"))
        transports = [client._transport_for_url(httpx.URL(f"https://{host}.test/")) for host in ("trusted", "direct")]
        assert default not in transports and client._transport not in transports
        pools = [transport._pool for transport in transports if isinstance(transport, httpx.HTTPTransport)]
        assert [type(pool).__name__ for pool in pools] == ["HTTPProxy", "ConnectionPool"]


def test_certificates(tmp_path: Path) -> None:
    assert _load(tmp_path, REQUESTS_CA_BUNDLE="/bundle.pem").cert == str(Path("/bundle.pem"))
    PipConfig((), cert=str(tmp_path)).client().close()
    with pytest.raises(RegistryError, match=r"pip is configured with \(cafile=.*nowhere") as failure:
        PipConfig((), cert=str(tmp_path / "nowhere.pem")).client()
    assert "PIP_CERT" in str(failure.value)


def test_an_invalid_proxy_is_reported_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"\*\*\*@proxy.test") as failure:
        _load(tmp_path, PIP_PROXY="gopher://me:s3cret@proxy.test").client()
    assert "s3cret" not in str(failure.value) and "pip.conf" in str(failure.value)


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    config = _load(
        tmp_path,
        PIP_INDEX_URL="https://me:s3%40cret@h.test/simple",
        PIP_EXTRA_INDEX_URL="https://t0ken-value@t.test/simple",
        PIP_PROXY="http://who:proxy-pass@p.test",
    )
    text = "a s3%40cret s3@cret t0ken-value proxy-pass https://me:s3%40cret@h.test b"
    shown = f"{config!r} {config} {config.shown_indexes} {config.mask(text)}"
    assert not any(secret in shown for secret in ("s3%40cret", "s3@cret", "t0ken-value", "proxy-pass"))
    assert "h.test/simple" in shown and config.headers_for("https://h.test/simple/x/") == _basic("me:s3@cret")


def test_indexes_in_folders(tmp_path: Path) -> None:
    _write(tmp_path / "simple/x/index.html", "<a href='y'>y</a>")
    config = _load(tmp_path, PIP_INDEX_URL=f"file://{tmp_path}/simple/")
    assert config.headers_for(config.index_urls[0]) == {}
    with config.client() as client:
        page = client.get(f"{config.index_urls[0]}/x/")
        assert page.text == "<a href='y'>y</a>" and page.headers["content-type"] == "text/html"
        assert client.get(f"{config.index_urls[0]}/z/").status_code == 404
    with PipConfig(("https://h.test",)).client() as client, pytest.raises(httpx.UnsupportedProtocol):
        client.get(f"{config.index_urls[0]}/x/")
