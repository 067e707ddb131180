"""Registration of the `scripted` provider with Inspect."""

from __future__ import annotations

from inspect_ai.model import ModelAPI, modelapi

from ._model import ScriptedModel


@modelapi(name="scripted")
def scripted_provider() -> type[ModelAPI]:
    """Return the provider of `--model scripted/NAME`."""
    return ScriptedModel
