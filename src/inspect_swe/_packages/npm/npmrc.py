"""A reader of npm's configuration that does not need npm."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

_VARIABLE = re.compile(r"\$\{(?P<name>[^${}?:-]+)(?P<optional>\?)?(?::?-(?P<default>[^${}]*))?\}")
_ENV_PREFIX = "npm_config_"


def read_settings(env: Mapping[str, str], home: Path, cwd: Path) -> dict[str, str]:
    """Return all settings by npm's names. Precedence: environment, project, user, machine."""
    settings = dict(_from_environment(env))

    def add(file: Path) -> None:
        for key, value in _from_file(file, env):
            settings.setdefault(key, value)

    add(cwd / ".npmrc")
    add(_path(settings.get("userconfig"), home) or home / ".npmrc")
    machine_wide = _path(settings.get("globalconfig"), home) or _global_file(env, settings.get("prefix"))
    if machine_wide is not None:
        add(machine_wide)
    return settings


def expand(text: str, env: Mapping[str, str]) -> str | None:
    """Expand `${VAR}`, `${VAR?}` and `${VAR-default}` in a text. Returns None if a variable has no value."""
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        fallback = "" if match["optional"] else match["default"]
        expansion = env.get(match["name"]) or fallback
        missing = missing or expansion is None
        return expansion or ""

    expanded = _VARIABLE.sub(value, text)
    return None if missing else expanded


def _from_environment(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in env.items():
        if name.lower().startswith(_ENV_PREFIX) and value:
            yield _folded(name[len(_ENV_PREFIX) :]), value


def _from_file(file: Path, env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    # Within one file the last line with a key takes precedence, as in npm.
    for line in reversed(lines):
        key, sign, raw = line.strip().partition("=")
        if not sign or key.startswith((";", "#", "[")):
            continue
        value = expand(_unquoted(raw.strip()), env)
        name = expand(key.strip(), env)
        if name and value is not None:
            yield _folded(name), value


def _folded(key: str) -> str:
    """Return npm's spelling of a setting's name. Scopes and `//host/` keys stay unchanged."""
    if key.startswith(("@", "//")):
        return key
    return key[:1].lower() + key[1:].lower().replace("_", "-")


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return re.split(r"\s+[;#]", value, maxsplit=1)[0].strip()


def _path(value: str | None, home: Path) -> Path | None:
    if not value:
        return None
    return home / value[2:] if value.startswith("~/") else Path(value)


def _global_file(env: Mapping[str, str], prefix: str | None) -> Path | None:
    folders = [Path(prefix)] if prefix else []
    for command in ("node", "npm"):
        executable = shutil.which(command, path=env.get("PATH", os.defpath))
        if executable is not None:
            folders.append(Path(executable).parent.parent)
    folders += [Path("/usr"), Path("/usr/local"), Path("/")]
    files = (folder / "etc" / "npmrc" for folder in folders)
    return next((file for file in files if os.path.isfile(file)), None)
