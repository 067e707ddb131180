"""Behaviours: refused and truncated answers."""

from __future__ import annotations

from ..testing import ScriptedRequest, Step, cut, refuse, shell
from ._behaviour import behaviour, check
from ._trial import Trial

_CUT = "HALF-OF-AN-ANSWER"
_FORBIDDEN = "Do something bad."

_MAX_ANSWERS = 16
"""The maximum number of answers before the runtime gives up on a model whose answers are always truncated."""


def _cut_or_refused(request: ScriptedRequest) -> Step:
    if any(_FORBIDDEN in message.text for message in request.messages):
        return refuse("I will not do that.")
    return cut(_CUT, shell("touch cut")) if request.index < 3 else cut(_CUT, stop_reason="model_length")


@behaviour(
    [shell("echo before it"), *[_cut_or_refused] * 99],
    also={
        "output_limit": "If all of a model's answers are truncated, it is called a limited number of times, and the "
        "sample is scored."
    },
)
async def refusal(trial: Trial) -> None:
    """A refusal is scored instead of failing the sample, even if the session's previous answer was truncated."""
    agent = trial.agent(retry_refusals=1)
    with trial.judging("output_limit"):
        await trial.run("Write a long text.", agent=agent)
        _check_cut(trial)
    await trial.run(_FORBIDDEN, agent=agent)
    reason = trial.state.output.stop_reason
    check(reason == "content_filter", f"the output's stop reason is {reason!r}")


def _check_cut(trial: Trial) -> None:
    reason = trial.state.output.stop_reason
    check(reason in ("max_tokens", "model_length"), f"the output's stop reason is {reason!r}")
    check(_CUT in trial.state.output.completion, f"the output is {trial.state.output.completion!r}")
    check(_CUT in trial.state.messages[-1].text, "the truncated answer is not the conversation's last message")
    check(any("before it" in text for text in trial.results), "the earlier conversation is missing")
    check(len(trial.requests) <= _MAX_ANSWERS, f"the model was called {len(trial.requests)} times")
