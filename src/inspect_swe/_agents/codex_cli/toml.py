"""TOML for configuration files and options of CLIs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def toml_document(table: Mapping[str, Any]) -> bytes:
    """Return a table as a document, with one key per line."""
    return "".join(f"{key} = {toml_value(value)}\n" for key, value in table.items()).encode(errors="replace")


def toml_value(value: Any) -> str:
    """Return a value as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml_value(key)} = {toml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    # JSON strings are valid TOML strings, except for this character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
