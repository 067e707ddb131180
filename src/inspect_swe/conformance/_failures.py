"""Behaviours: provider errors, limits and crashes."""

from __future__ import annotations

from typing import Any

from inspect_ai.model import ModelUsage
from inspect_ai.util import message_limit, time_limit, token_limit

from .._errors import ProviderError, ProviderRateLimitError
from ..testing import ScriptedRequest, ScriptStep, Step, fail, finish, shell
from ._behaviour import behaviour, check
from ._trial import Trial

_MANY = [shell(f"echo {n}", usage=ModelUsage(input_tokens=9_000, output_tokens=1_000)) for n in range(40)]

# The time limit in seconds, for a CLI and the one that resumes it. Inspect has already retried, and the sample is
# stuck until the CLI gives up on the provider.
_PATIENCE = 120

_RESUMED = "interrupted by an error"

# No answered request contains the result of the second one.
_BEFORE = [shell("echo before it"), shell("true")]

_PROCESSES = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"

# The CLI is the topmost process below its launcher; the shell may be anywhere below. A file, because some CLIs allow
# no command substitution.
_KILL_THE_CLI = r"""#!/bin/sh
cat > /usr/local/bin/kill-the-cli <<'END'
#!/bin/sh
parent() { sed 's/.*) . //; s/ .*//' /proc/$1/stat; }
p=$$
while [ "$(cat /proc/$(parent $p)/comm)" != relay ]; do p=$(parent $p); done
kill -9 $p
sleep 20
END
chmod 755 /usr/local/bin/kill-the-cli
"""


def _until_resumed(first: Step, then: ScriptStep) -> list[ScriptStep]:
    """Return a script with one step until the CLI is resumed, and another one after that."""

    def answer(request: ScriptedRequest) -> Step:
        if not any(_RESUMED in message.text for message in request.messages):
            return first
        return then(request) if callable(then) else then

    return [*_BEFORE, *[answer] * 200]


def _check_error(trial: Trial, status: int) -> None:
    """Require that the sample's error is the provider's last one."""
    check(trial.limit is None, f"the CLI still retried after {_PATIENCE} s")
    error = trial.error
    check(isinstance(error, ProviderError), f"the run ended with {type(error).__name__}: {error}")
    assert isinstance(error, ProviderError)
    check(error.status == status, f"the error's status is {error.status}")
    check(isinstance(error, ProviderRateLimitError) == (status == 429), f"the error is a {type(error).__name__}")
    check("provider exploded" in error.summary, f"the error lacks the provider's text: {error.summary}")
    check(any("before it" in text for text in trial.results), "the earlier conversation is missing")


@behaviour([*_BEFORE, *[fail(400, "provider exploded")] * 200])
async def provider_error_400(trial: Trial) -> None:
    """A request that the provider rejects ends the sample with the provider's error text."""
    await trial.attempt("Do it.", limit=time_limit(_PATIENCE))
    _check_error(trial, 400)
    check(_RESUMED not in str(trial.requests[-1]), "the CLI was resumed")


@behaviour(
    _until_resumed(fail(529, "overloaded"), fail(429, "provider exploded")),
    waits=True,
    also={"provider_error_529": "A CLI that gives up on HTTP 529 is resumed in its session."},
)
async def provider_error_429(trial: Trial) -> None:
    """A provider that still fails after the CLI was resumed ends the sample with its error text within two minutes."""
    await trial.attempt("Do it.", limit=time_limit(_PATIENCE))
    with trial.judging("provider_error_529"):
        trial.check_once(_RESUMED, trial.requests[-1].messages)
    _check_error(trial, 429)


@behaviour(
    _until_resumed(fail(500, "slow down"), finish("Recovered.")),
    waits=True,
    also={"provider_error_500": "A CLI that gives up on HTTP 500 is resumed in its session."},
)
async def provider_recovers(trial: Trial) -> None:
    """A CLI that gave up because of a provider's error is resumed in its session, since the error may be temporary."""
    await trial.attempt("THE-TASK", system_prompt="SYSTEM-MARKER")
    with trial.judging("provider_error_500"):
        trial.check_once(_RESUMED)
    check(trial.error is None, f"the run ended with {type(trial.error).__name__}: {trial.error}")
    check("Recovered." in trial.state.output.completion, f"the output is {trial.state.output.completion!r}")
    trial.check_once("THE-TASK")
    trial.check_once("SYSTEM-MARKER", trial.requests[-1].messages)
    check(any("before it" in text for text in trial.results), "the earlier conversation is missing")


@behaviour(_MANY)
async def message_limit_met(trial: Trial) -> None:
    """A message limit ends the run; the limit and the conversation are recorded."""
    await trial.attempt("Go on and on.", limit=message_limit(14))
    _check_limit(trial, "message")


@behaviour(_MANY)
async def token_limit_met(trial: Trial) -> None:
    """A token limit ends the run; the limit and the conversation are recorded."""
    await trial.attempt("Go on and on.", limit=token_limit(35_000))
    _check_limit(trial, "token")


def _check_limit(trial: Trial, kind: str) -> None:
    check(trial.limit is not None, f"no limit was exceeded; error: {trial.error}")
    assert trial.limit is not None
    check(trial.limit.type == kind, f"the {trial.limit.type} limit was exceeded instead")
    check(2 <= len(trial.requests) < len(_MANY), f"the model was called {len(trial.requests)} times")
    check(trial.results, "the conversation is missing")


_LONG_PROMPT = "BEGIN " + "0123456789abcdef" * 65534 + "0123456789 THE-END."
_LONG_SYSTEM_PROMPT = "SYSTEM-BEGINS " + "0123456789abcdef" * 19_200 + " SYSTEM-ENDS"


@behaviour(
    [shell("echo begun > begun; sleep 1000")] * 9,
    waits=True,
    also={"prompt_of_one_mebibyte": "A prompt of 1 MiB and a system prompt of 300 KiB reach the model unchanged."},
)
async def time_limit_met(trial: Trial) -> None:
    """A time limit ends the run and all its processes; the conversation is recorded."""
    assert len(_LONG_PROMPT) <= 1 << 20
    options: dict[str, Any] = {"system_prompt": _LONG_SYSTEM_PROMPT} if trial.has("system_prompt") else {}
    await trial.attempt(_LONG_PROMPT, limit=time_limit(30), **options)
    with trial.judging("prompt_of_one_mebibyte"):
        texts = [message.text for request in trial.requests[:1] for message in request.messages]
        check(any(_LONG_PROMPT in text for text in texts), "the prompt was changed or truncated")
        check(
            all(any(option in text for text in texts) for option in options.values()),
            "the system prompt did not arrive whole",
        )
    check(
        trial.limit is not None and trial.limit.type == "time", f"the time limit was not exceeded; error: {trial.error}"
    )
    check(await trial.sh("cat begun") == "begun\n", "the command had not started")
    check("sleep 1000" not in await trial.sh(_PROCESSES), "the agent's command is still running")
    check(trial.state.messages[-1].role == "assistant", "the conversation is missing")


@behaviour(
    [shell("echo before > w"), shell("kill-the-cli"), shell("echo after >> w"), finish("Done.")], setup=_KILL_THE_CLI
)
async def killed(trial: Trial) -> None:
    """A CLI that is killed is resumed in its session."""
    await trial.run("THE-TASK", system_prompt="SYSTEM-MARKER")
    check(await trial.sh("cat w") == "before\nafter\n", "the resumed CLI did not continue the work")
    trial.check_once(_RESUMED)
    trial.check_once("THE-TASK")
    trial.check_once("SYSTEM-MARKER", trial.requests[-1].messages)
    check("Done." in trial.state.output.completion, f"the output is {trial.state.output.completion!r}")
