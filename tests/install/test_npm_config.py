from __future__ import annotations

import base64
import ssl
from pathlib import Path

import httpx
import pytest

from inspect_swe._errors import RegistryError
from inspect_swe._packages.npm.config import NpmConfig, default_registry

from .fake_registry import FakeRegistry, Reply


def _basic(pair: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _load(tmp_path: Path, **env: str) -> NpmConfig:
    nowhere = {"NPM_CONFIG_GLOBALCONFIG": str(tmp_path / "nowhere")}
    return NpmConfig.load({**nowhere, **env}, tmp_path, tmp_path)


def test_default_registry_is_a_bare_https_host() -> None:
    url = httpx.URL(default_registry())
    assert url.scheme == "https" and url.host and url.path == "/"
    assert NpmConfig({}).registry_for("anything") == default_registry()


def test_scoped_registries() -> None:
    config = NpmConfig({"registry": "https://main.test/", "@acme:registry": "https://acme.test/npm/"})
    assert config.registry_for("@acme/tool") == "https://acme.test/npm"
    assert config.registry_for("@other/tool") == "https://main.test"
    assert config.registry_for("acme") == "https://main.test"


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://h.test/a/b/pkg", "deep"),
        ("https://h.test/a/c", "shallow"),
        ("https://h.test:443/a/c", "shallow"),
        ("https://h.test/other", None),
        ("https://h.test:8443/a/c", "port"),
        ("https://h.test.evil.test/a/b/pkg", None),
        ("https://evil.test/h.test/a/b/pkg", None),
        ("https://u@evil.test/a/b", None),
        ("http://h.test/a/b/pkg", None),
    ],
)
def test_credentials_of_the_longest_prefix_and_of_no_other_host(url: str, token: str | None) -> None:
    config = NpmConfig(
        {
            "//h.test/a/:_authToken": "shallow",
            "//h.test/a/b/:_authToken": "deep",
            "//h.test:8443/:_authToken": "port",
        }
    )
    assert config.headers_for(url) == ({"Authorization": f"Bearer {token}"} if token else {})


def test_kinds_of_credentials() -> None:
    password = base64.b64encode(b"pass word").decode()
    config = NpmConfig(
        {
            "//pair.test/:_auth": "dTpw",
            "//user.test/:username": "me",
            "//user.test/:_password": password,
            "//bad.test/:username": "me",
            "//bad.test/:_password": "s3cret!",
            "@acme:registry": "https://in:url@url.test/npm/",
        }
    )
    assert config.headers_for("https://pair.test/x") == {"Authorization": "Basic dTpw"}
    assert config.headers_for("https://user.test/x") == _basic("me:pass word")
    assert config.headers_for("https://url.test/npm/x") == _basic("in:url")
    assert config.headers_for("https://url.test/x") == {}
    with pytest.raises(RegistryError, match="base64") as failure:
        config.headers_for("https://bad.test/x")
    assert "s3cret" not in str(failure.value)


def test_legacy_credentials_belong_to_the_default_registry_only(tmp_path: Path) -> None:
    config = _load(tmp_path, NPM_CONFIG_REGISTRY="https://main.test/npm", NPM_CONFIG__AUTHTOKEN="old")
    assert config.headers_for("https://main.test/npm/pkg") == {"Authorization": "Bearer old"}
    assert config.headers_for("https://main.test/other") == {}
    assert config.headers_for("https://acme.test/npm/pkg") == {}


def test_a_redirect_to_another_host_gets_no_token(server: FakeRegistry, other_server: FakeRegistry) -> None:
    server.replies["/npm/pkg"] = Reply(302, headers={"Location": f"{other_server.url}/npm/pkg"})
    other_server.replies["/npm/pkg"] = Reply(302, headers={"Location": f"{server.url}/elsewhere"})
    server.replies["/elsewhere"] = Reply(body=b"done")
    config = NpmConfig({"registry": f"{server.url}/npm", f"//{server.host}/npm/:_authToken": "t0ken"})
    with config.client() as client:
        assert client.get(f"{server.url}/npm/pkg").content == b"done"
    assert [seen.authorization for seen in server.seen] == ["Bearer t0ken", None]
    assert other_server.seen[0].authorization is None


def test_a_redirect_to_a_host_with_its_own_token_gets_that_one(
    server: FakeRegistry, other_server: FakeRegistry
) -> None:
    server.replies["/pkg"] = Reply(302, headers={"Location": f"{other_server.url}/pkg"})
    other_server.replies["/pkg"] = Reply(body=b"done")
    settings = {"registry": server.url, "@x:registry": other_server.url}
    settings |= {f"//{server.host}/:_authToken": "one", f"//{other_server.host}/:_authToken": "two"}
    with NpmConfig(settings).client() as client:
        client.get(f"{server.url}/pkg")
    assert (server.seen[0].authorization, other_server.seen[0].authorization) == ("Bearer one", "Bearer two")


def test_requests_go_through_the_proxy_unless_exempt(
    server: FakeRegistry, other_server: FakeRegistry, tmp_path: Path
) -> None:
    proxy = other_server
    proxy.replies["http://registry.test/pkg"] = Reply(body=b"by proxy")
    server.replies["/pkg"] = Reply(body=b"direct")
    address = proxy.url.replace("http://", "http://user:s3cret@")
    config = _load(tmp_path, HTTP_PROXY=address, NO_PROXY="127.0.0.1, .example.test")
    with config.client() as client:
        assert client.get("http://registry.test/pkg").content == b"by proxy"
        assert client.get(f"{server.url}/pkg").content == b"direct"
    assert proxy.seen[0].headers["proxy-authorization"].startswith("Basic ")
    assert "s3cret" not in repr(config) + config.mask(f"proxy {address} failed")


def test_npm_proxy_settings_come_first(server: FakeRegistry, tmp_path: Path) -> None:
    server.replies["http://registry.test/pkg"] = Reply(body=b"by npm's proxy")
    config = _load(tmp_path, HTTP_PROXY="http://127.0.0.1:1", npm_config_proxy=server.host)
    with config.client() as client:
        assert client.get("http://registry.test/pkg").content == b"by npm's proxy"
    assert config.settings["https-proxy"] == server.host


@pytest.mark.parametrize("exempt", ["*", "registry.test", ".test", "*.test", "a, registry.test:8080"])
def test_noproxy_patterns(exempt: str) -> None:
    config = NpmConfig({"proxy": "http://proxy.test", "noproxy": exempt})
    with config.client() as client:
        url = httpx.URL("http://registry.test:8080/")
        assert client._transport_for_url(url) is client._transport


def test_proxy_can_be_switched_off(tmp_path: Path) -> None:
    config = _load(tmp_path, HTTPS_PROXY="http://proxy.test", npm_config_https_proxy="false")
    with config.client() as client:
        assert client._transport_for_url(httpx.URL("https://registry.test")) is client._transport


def test_an_invalid_proxy_is_reported_without_its_password() -> None:
    with pytest.raises(RegistryError, match=r"\*\*\*@proxy.test") as failure:
        NpmConfig({"proxy": "gopher://me:s3cret@proxy.test"}).client()
    assert "s3cret" not in str(failure.value)


def test_certificates(tmp_path: Path) -> None:
    system_bundle = ssl.get_default_verify_paths().cafile
    NpmConfig({"cafile": str(system_bundle)} if system_bundle else {}).client().close()
    NpmConfig({"strict-ssl": "false", "cafile": "/nowhere"}).client().close()
    with pytest.raises(RegistryError, match=r"cafile=.*nowhere"):
        NpmConfig({"cafile": str(tmp_path / "nowhere.pem")}).client()
    assert _load(tmp_path, NODE_EXTRA_CA_CERTS="/extra.pem").settings["cafile"] == "/extra.pem"


def test_secrets_are_never_shown() -> None:
    config = NpmConfig({"registry": "https://me:s3cret@h.test/npm", "//h.test/:_authToken": "t0ken-value"})
    shown = f"{config!r} {config} {config.registry_for('x')} {config.mask('a t0ken-value https://me:s3cret@h.test b')}"
    assert "s3cret" not in shown and "t0ken-value" not in shown
    assert config.headers_for("https://h.test/npm/pkg") == _basic("me:s3cret")
