"""Record of one request to a scripted model."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone

from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput
from inspect_ai.tool import ToolChoice, ToolInfo


@dataclass
class ScriptedRequest:
    """Request to a scripted model, and its outcome.

    Args:
        messages: The input messages.
        tools: The offered tools.
        tool_choice: The caller's tool choice.
        config: The generation options.
        model: Name of the model, such as `scripted/hello`.
        main: Whether the request takes a step of the script (otherwise it is a side call).
        index: Number of the sample's earlier main requests.
        sample: Number of the sample, from 0 in the order of first requests. Each epoch and each retry counts as a
            separate sample. Groups the requests of concurrent samples.
        start: Time of arrival (UTC).
        end: Time of the answer or failure (UTC); `None` while the request is in flight.
        output: The answer, if there is one.
        error: The exception, if the request failed.
    """

    messages: list[ChatMessage]
    tools: list[ToolInfo]
    tool_choice: ToolChoice
    config: GenerateConfig
    model: str
    main: bool
    index: int
    sample: int
    start: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    end: datetime | None = None
    output: ModelOutput | None = None
    error: BaseException | None = None

    @property
    def tool_names(self) -> list[str]:
        """Names of the offered tools."""
        return [tool.name for tool in self.tools]

    def finish(self, *, output: ModelOutput | None = None, error: BaseException | None = None) -> None:
        """Record the time and outcome of the request.

        Args:
            output: The answer, if there is one.
            error: The exception, if the request failed.
        """
        self.end = datetime.now(timezone.utc)
        self.output = output
        self.error = error
