"""Models given as objects, for CLIs that know models by name."""

from __future__ import annotations

from collections.abc import Mapping

from inspect_ai.model import Model, ModelOutput, ModelUsage, get_model


def name_models(roles: Mapping[str, str | Model | None]) -> tuple[dict[str, str | None], dict[str, Model]]:
    """Give each model a name that the CLI can ask for it by.

    Args:
        roles: Models by their role.

    Returns:
        The names by role, and the models that were given as objects by name.
    """
    names: dict[str, str | None] = {}
    named: dict[str, Model] = {}
    for role, model in roles.items():
        if isinstance(model, Model):
            # A name of its own: the served model may have the same one and other settings.
            name = names[role] = f"{model.name.rsplit('/', 1)[-1]}-{role}"
            named[name] = model
        else:
            names[role] = model
    return names, named


def untitled() -> Model:
    """A model that costs nothing, for a CLI that asks for a title of its session."""
    output = ModelOutput.from_content("mockllm/untitled", '{"title": "Session"}')
    output.usage = ModelUsage()
    return get_model("mockllm/untitled", memoize=False, custom_outputs=lambda *args, **kwargs: output)
