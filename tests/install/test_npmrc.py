from __future__ import annotations

from pathlib import Path

import pytest

from inspect_swe._packages.npm.npmrc import expand, read_settings

NO_MACHINE = {"NPM_CONFIG_GLOBALCONFIG": "/nowhere"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def _write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_environment_before_project_before_user_before_global(home: Path, project: Path, tmp_path: Path) -> None:
    machine = _write(tmp_path / "globalrc", "registry=global\nproxy=global\nnoproxy=global\ncafile=global")
    _write(home / ".npmrc", "registry=user\nproxy=user\nnoproxy=user")
    _write(project / ".npmrc", "registry=project\nproxy=project")
    env = {"NPM_CONFIG_REGISTRY": "env", "npm_config_globalconfig": str(machine)}
    settings = read_settings(env, home, project)
    assert [settings[key] for key in ("registry", "proxy", "noproxy", "cafile")] == ["env", "project", "user", "global"]


@pytest.mark.parametrize("name", ["NPM_CONFIG_STRICT_SSL", "npm_config_strict_ssl", "npm_config_strict-ssl"])
def test_environment_names_are_folded(name: str, home: Path, project: Path) -> None:
    assert read_settings({name: "false"}, home, project)["strict-ssl"] == "false"


def test_empty_environment_values_do_not_count(home: Path, project: Path) -> None:
    _write(home / ".npmrc", "registry=user")
    assert read_settings({"NPM_CONFIG_REGISTRY": ""}, home, project)["registry"] == "user"


@pytest.mark.parametrize(
    ("file", "env"),
    [
        ("home/elsewhere", {"NPM_CONFIG_USERCONFIG": "~/elsewhere"}),
        ("node/etc/npmrc", {"PATH": "{}/node/bin"}),
        ("prefix/etc/npmrc", {"NPM_CONFIG_PREFIX": "{}/prefix", "PATH": ""}),
    ],
)
def test_other_files(file: str, env: dict[str, str], home: Path, project: Path, tmp_path: Path) -> None:
    _write(tmp_path / "node" / "bin" / "node", "").chmod(0o755)
    _write(tmp_path / file, "registry=other")
    env = {name: value.format(tmp_path) for name, value in env.items()}
    assert read_settings(env, home, project)["registry"] == "other"


def test_lines_comments_quotes_and_spaces(home: Path, project: Path) -> None:
    _write(
        home / ".npmrc",
        "; comment\n# comment\n[section]\nregistry = 'https://a/b' \nnot a setting\n"
        '@my_org:registry="https://scoped/#x"\n//host/path/:_authToken=abc=\nproxy=first\nproxy=last ; why\n',
    )
    settings = read_settings(NO_MACHINE, home, project)
    assert settings["registry"] == "https://a/b"
    assert settings["@my_org:registry"] == "https://scoped/#x"
    assert settings["//host/path/:_authToken"] == "abc="
    assert settings["proxy"] == "last"


def test_variables_in_values_and_keys(home: Path, project: Path) -> None:
    _write(project / ".npmrc", "registry=${UNSET}\n//${HOST}/:_authToken=${TOKEN}")
    _write(home / ".npmrc", "registry=user")
    settings = read_settings({**NO_MACHINE, "TOKEN": "t0ken", "HOST": "h"}, home, project)
    assert settings["//h/:_authToken"] == "t0ken"
    assert settings["registry"] == "user", "a setting with an unset variable is as good as none"


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("${A}", "a"),
        ("x${A}y${A}", "xaya"),
        ("${B}", None),
        ("${B?}", ""),
        ("${B-b}", "b"),
        ("${B:-b}", "b"),
        ("${A-b}", "a"),
        ("${B-}", ""),
        ("$A", "$A"),
    ],
)
def test_expand(text: str, expanded: str | None) -> None:
    assert expand(text, {"A": "a"}) == expanded
