"""Decide whose generation parameters a request is sent with: the eval's, the CLI's or Inspect's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inspect_ai.agent._bridge.util import clear_generation_params, resolve_generate_config
from inspect_ai.model import GenerateConfig, Model

from ..exact import Changes

_SHOWN = (bool, int, float, str)


@dataclass(frozen=True)
class Fields:
    """Fields of a dialect's requests, by who decides about them. All other fields are the client's.

    Args:
        parameters: Generation parameters, each with the fields of `GenerateConfig` that set it for the eval.
        governed: Fields that only the eval may set, such as the model, the service tier and the transport.
        additions: Fields that Inspect adds on its own where the client has none.
        nested: Fields that are objects with parameters of their own.
    """

    parameters: Mapping[str, tuple[str, ...]]
    governed: frozenset[str] = frozenset()
    additions: frozenset[str] = frozenset()
    nested: Mapping[str, Fields] = field(default_factory=dict)


@dataclass(frozen=True)
class Parameters:
    """Generation parameters of one request.

    Args:
        config: The configuration to generate with.
        explicit: Fields that the eval sets.
        forwarded: Whether the CLI's parameters apply where the eval sets none.
        extra_body: Fields that the eval adds to the body.
        sources: The parameters by whom they are from, for the log: "eval", "cli", and "ignored" for the CLI's that
            do not apply.
    """

    config: GenerateConfig
    explicit: frozenset[str]
    forwarded: bool
    extra_body: Mapping[str, Any]
    sources: Mapping[str, Mapping[str, Any]]

    def are_clients(self, names: tuple[str, ...], changed: frozenset[str]) -> bool:
        """Return whether a parameter is the client's.

        Args:
            names: Fields of `GenerateConfig` that set the parameter.
            changed: Fields that a filter changed.
        """
        return self.forwarded and self.explicit.isdisjoint(names) and changed.isdisjoint(names)

    def body(
        self, fields: Fields, client: Mapping[str, Any], built: Mapping[str, Any], changes: Changes
    ) -> dict[str, Any]:
        """Return the body to send to a provider of the client's API.

        Args:
            fields: The dialect's fields.
            client: The client's body, without what the eval withholds.
            built: The body that Inspect built.
            changes: What a filter changed.
        """
        governed = fields.governed | set(self.extra_body)
        built_only = built.keys() - client.keys() - fields.additions
        body: dict[str, Any] = {}
        for name in [*client, *(name for name in built if name not in client)]:
            setting = fields.parameters.get(name)
            if setting is not None:
                is_clients = self.are_clients(setting, changes.config)
            else:
                is_clients = name not in governed and name not in built_only
            source = client if is_clients else built
            if name in fields.nested:
                inner = fields.nested[name]
                body[name] = self.body(inner, client.get(name) or {}, built.get(name) or {}, changes.only_config())
            elif name in source:
                body[name] = source[name]
        if changes.tools and "tools" in built:
            body["tools"] = built["tools"]
        is_choice_built = changes.tools or changes.tool_choice or "parallel_tool_calls" in self.explicit
        if is_choice_built and "tool_choice" in built:
            body["tool_choice"] = built["tool_choice"]
        return body


def resolve_parameters(model: Model, config: GenerateConfig, forwarded: bool) -> Parameters:
    """Return the parameters of a request.

    Args:
        model: The model that serves the request.
        config: The client's parameters.
        forwarded: Whether the client's parameters apply where the eval sets none.
    """
    own = resolve_generate_config(model, GenerateConfig())
    explicit = frozenset(name for name in GenerateConfig.model_fields if getattr(own, name) is not None)
    sources = _sources(config, own, explicit, forwarded)
    if not forwarded:
        clear_generation_params(config)
    return Parameters(resolve_generate_config(model, config), explicit, forwarded, own.extra_body or {}, sources)


def _sources(
    client: GenerateConfig, own: GenerateConfig, explicit: frozenset[str], forwarded: bool
) -> dict[str, dict[str, Any]]:
    sources: dict[str, dict[str, Any]] = {"eval": {}, "cli": {}, "ignored": {}}
    cleared = client.model_copy()
    clear_generation_params(cleared)
    for name in GenerateConfig.model_fields:
        value = getattr(client, name)
        is_parameter = value is not None and getattr(cleared, name) is None
        if is_parameter:
            sources["cli" if forwarded and name not in explicit else "ignored"][name] = value
        if name in explicit and name not in ("extra_headers", "extra_body") and isinstance(getattr(own, name), _SHOWN):
            sources["eval"][name] = getattr(own, name)
    return sources
