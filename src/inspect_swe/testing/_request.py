"""The record of one request to a scripted model."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone

from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput
from inspect_ai.tool import ToolChoice, ToolInfo


@dataclass
class ScriptedRequest:
    """One request to a scripted model, and what became of it.

    Args:
        messages: The input, as the model got it.
        tools: The tools on offer.
        tool_choice: Which tools the caller prefers.
        config: The generation options.
        model: Name of the model, such as `scripted/hello`.
        main: Whether the request takes a step of the script (otherwise it is a side call).
        index: How many main requests of this sample came before this one.
        sample: Number of the sample (counted from 0 in the order of first requests; each epoch
            and each retry counts as a sample of its own). Groups the requests of concurrent samples.
        start: When the request arrived (UTC).
        end: When it was answered, or failed (UTC); `None` while it is under way.
        output: The answer, if there was one.
        error: What the request failed with, if it failed.
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
        """Names of the tools on offer."""
        return [tool.name for tool in self.tools]

    def finish(self, *, output: ModelOutput | None = None, error: BaseException | None = None) -> None:
        """Note the time and what became of the request.

        Args:
            output: The answer, if there was one.
            error: What the request failed with, if it failed.
        """
        self.end = datetime.now(timezone.utc)
        self.output = output
        self.error = error
