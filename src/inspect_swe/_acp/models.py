"""Names for `Model` objects, for CLIs that select models by name."""

from __future__ import annotations

from collections.abc import Mapping

from inspect_ai.model import Model, ModelOutput, ModelUsage, get_model


def name_models(roles: Mapping[str, str | Model | None]) -> tuple[dict[str, str | None], dict[str, Model]]:
    """Give each model a name that the CLI can request.

    Args:
        roles: Models by role.

    Returns:
        The names by role, and the `Model` objects by name.
    """
    names: dict[str, str | None] = {}
    named: dict[str, Model] = {}
    for role, model in roles.items():
        if isinstance(model, Model):
            # A unique name: the served model may have the same name but other settings.
            name = names[role] = f"{model.name.rsplit('/', 1)[-1]}-{role}"
            named[name] = model
        else:
            names[role] = model
    return names, named


def untitled() -> Model:
    """Return a free mock model that answers a CLI's requests for a session title."""
    output = ModelOutput.from_content("mockllm/untitled", '{"title": "Session"}')
    output.usage = ModelUsage()
    return get_model("mockllm/untitled", memoize=False, custom_outputs=lambda *args, **kwargs: output)
