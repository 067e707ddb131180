"""Behaviours: users, folders, models and images."""

from __future__ import annotations

from typing import Any

from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput
from inspect_ai.tool import ToolChoice, ToolInfo

from .._errors import (
    AgentInstallError,
    DigestMismatchError,
    RegistryError,
    SandboxUnsupportedError,
    UnknownVersionError,
)
from ..testing import finish, say, scripted, scripted_requests, shell
from ._behaviour import NotApplicable, behaviour, check
from ._diversions import DIVERSIONS, RECORD, setup_script
from ._trial import Trial

_ASK = r"""
import json, urllib.request
for line in open("/proc/net/tcp").read().splitlines()[1:]:
    local, state = line.split()[1], line.split()[3]
    if state != "0A" or not local.startswith("0100007F:") or local.endswith(":2256"):
        continue
    for model in ("my-alias", "gpt-4o"):
        body = {"model": model, "messages": [{"role": "user", "content": "who?"}]}
        url = "http://127.0.0.1:%d/v1/chat/completions" % int(local.split(":")[1], 16)
        request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
        try:
            print(json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"])
        except OSError:
            pass  # what listens there is the CLI itself
"""


_ADD_USER = """#!/bin/sh
set -e
id tester 2>/dev/null || useradd -m -u 4321 tester
mkdir -p '/home/tester/my work'
"""
_OWN = "chown -R tester /home/tester\n"
# All diversions at once; each of them alone would suffice.
_WAYS = [way for way in DIVERSIONS if way.error is None]
_ELSEWHERE = setup_script(_WAYS, [("/home/tester", "/home/tester/my work"), ("/root", "/workspace")])


@behaviour(
    [shell('id -un > facts; echo "$HOME $PWD $FOO" >> facts'), shell(f"python3 -c '{_ASK}'"), finish("Done.")],
    setup=_ADD_USER + _ELSEWHERE + _OWN,
    service={"environment": {name: value for way in _WAYS for name, value in way.env.items()}},
    also={
        "not_diverted": "No variable of the image, and no file of the user or the task, diverts a model request.",
        "routing": "A mapped model name reaches its model; any other name reaches the eval's model, never a provider.",
        "filtered": "A filter receives every request with the served model, and can answer it itself.",
    },
)
async def user_cwd_env(trial: Trial) -> None:
    """The agent runs with the given user, working directory and environment."""
    other = scripted([say("I am the alias.")], name="other")
    seen: list[str] = []
    answered: list[bool] = []

    async def answer(
        model: Model,
        messages: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice | None,
        config: GenerateConfig,
    ) -> ModelOutput | None:
        seen.append(str(model))
        if answered or not tools:  # Side calls such as title requests have no tools.
            return None
        answered.append(True)
        return ModelOutput.for_tool_call(str(model), *_shell_of(tools))

    options: dict[str, Any] = {
        "user": "tester",
        "cwd": "/home/tester/my work",
        "env": {"FOO": "bar $baz 'qux'"},
        "model_aliases": {"my-alias": other},
        "filter": answer,
    }
    await trial.run("Do it.", **{name: value for name, value in options.items() if trial.has(name)})
    results = "\n".join(trial.results)
    with trial.judging("routing"):
        trial.require("model_aliases")
        check("I am the alias." in results, f"the alias was not called: {results!r}")
        check("Scripted model" in results, f"an unmapped name did not reach the eval's model: {results!r}")
        check(len(scripted_requests(other)) == 1, "the alias was not called exactly once")
    with trial.judging("filtered"):
        trial.require("filter")
        check("SAYS-THE-FILTER" in results, "the filter's answer was not used")
        served = {str(trial.model)} | ({str(other)} if trial.has("model_aliases") else set())
        check(len(seen) >= 4, f"the filter received only {len(seen)} requests")
        check(set(seen) == served, f"the filter received the models {seen}")
    with trial.judging("not_diverted"):
        record = await trial.sh(f"cat {RECORD}")
        check(record == "", f"another server received requests: {record[:300]!r}")
        check(trial.state.output.completion.strip() == "Done.", "the scripted model's answer is not the output")
    trial.require("user", "cwd", "env")
    facts = await trial.sh("cat '/home/tester/my work/facts'")
    check(
        facts == "tester\n/home/tester /home/tester/my work bar $baz 'qux'\n", f"the agent's shell printed: {facts!r}"
    )


def _shell_of(tools: list[ToolInfo]) -> tuple[str, dict[str, object]]:
    from ..testing._match import shell_call

    return shell_call(tools, "echo SAYS-THE-FILTER")


@behaviour([shell("echo hi > out"), finish("Done.")], minimal=True, copies=True)
async def minimal_image(trial: Trial) -> None:
    """The agent runs in an image with little more than a shell, or its error states what is missing."""
    await trial.attempt("Do it.")
    error = trial.error
    # A failed download says nothing about the image.
    not_fetched = isinstance(error, (RegistryError, UnknownVersionError, DigestMismatchError))
    if isinstance(error, (AgentInstallError, SandboxUnsupportedError)) and not not_fetched:
        check(not trial.requests, "it called the model before it failed")
        raise NotApplicable(error.summary)
    check(error is None, f"the run ended with {type(error).__name__}: {error}")
    check(await trial.sh("cat out") == "hi\n", "the agent did not do its work")
