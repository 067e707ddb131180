"""The models that Codex CLI knows, and entries for others."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any


@functools.cache
def _data() -> Any:
    """Return the models of Codex's own catalogue, and an entry for all others."""
    return json.loads(Path(__file__).with_name("models.json").read_bytes())


def is_known(slug: str) -> bool:
    """Return whether the model is in the CLI's catalogue (matched by prefix), or may be in a newer CLI's."""
    known = _data()["known"]
    return slug.startswith(tuple(known)) or _generation(slug) > max(map(_generation, known))


def _generation(slug: str) -> tuple[int, int]:
    version = re.match(r"gpt-(\d+)(?:\.(\d+))?(?![\w.])", slug)
    return (int(version[1]), int(version[2] or 0)) if version else (0, 0)


def model_entry(slug: str, window: int) -> dict[str, Any]:
    """Return an entry for a model that the CLI's catalogue lacks."""
    own = {"slug": slug, "display_name": slug, "context_window": window, "max_context_window": window}
    return {**_data()["generic"], **own}
