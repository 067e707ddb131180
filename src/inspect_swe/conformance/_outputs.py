"""Behaviours: results of a run."""

from __future__ import annotations

from typing import Any

from inspect_ai.tool import Skill
from inspect_ai.util import store, store_as
from pydantic import BaseModel

from .._contract.result_specs import OutputFiles
from .._results.fileset import output_files
from .._runtime.checks import SweResult, result_of
from ..testing import finish, shell, write_result
from ._behaviour import behaviour, check
from ._trial import Trial

_FILES = "AGENTS.md CLAUDE.md GEMINI.md QWEN.md .claude/settings.json .gemini/settings.json .qwen/settings.json"
_OWN = "$HOME/.claude $HOME/.codex $HOME/.gemini $HOME/.qwen $HOME/.config/opencode $HOME/.config/mini-swe-agent"
_BUT = "-not -path './.git/*' -not -path ./out.txt -not -path ./kept.txt -not -path ./gone.txt"
_SUM = f"find . {_OWN} -type f {_BUT} | sort | xargs md5sum"
_CONFIG = '{"theme": "system"}'
_REPOSITORY = f"""#!/bin/sh
set -e
cd /workspace
git init -q . && git config user.email a@b && git config user.name n
mkdir -p .claude .gemini .qwen .codex .opencode
for file in {_FILES}; do echo '{{}}' > $file; done
echo 'INSTRUCTIONS-OF-THE-TASK' > AGENTS.md
echo '{_CONFIG}' > opencode.json
echo '' > .codex/config.toml
echo old > kept.txt; echo old > gone.txt
git add -A && git commit -qm init
mkdir -p {_OWN}
for folder in {_OWN}; do echo '{{}}' > $folder/settings.json; echo mine > $folder/note.txt; done
echo '' > $HOME/.codex/config.toml
{_SUM} > /before
"""
_WORK = "printf new > out.txt; echo more >> kept.txt; rm gone.txt"
_MAGIC = Skill(
    name="magic",
    description="Knows the magic word XYZZY.",
    instructions="The magic word is PLUGH. Run scripts/word.sh to print it.",
    scripts={"word.sh": "#!/bin/sh\necho PLUGH-FROM-SCRIPT\n"},
)
# Avoids command substitution, which some CLIs do not allow.
_RUN_ITS_SCRIPT = "find / -path '*/magic/scripts/word.sh' -not -path '/proc/*' -exec sh {} ';' 2>/dev/null"


class Numbers(BaseModel):
    """The result that the agent must write."""

    total: int
    names: list[str]


WRONG, RIGHT = {"total": "many", "names": []}, Numbers(total=2, names=["a", "b"])


@behaviour(
    [
        shell(_RUN_ITS_SCRIPT),
        shell(_WORK),
        write_result(WRONG),
        finish("First."),
        write_result(RIGHT.model_dump()),
        finish("Second."),
    ],
    setup=_REPOSITORY,
    also={
        "response_schema": "The agent returns its result as data, and corrects an invalid one in its session.",
        "task_files": "The task's own files stay unchanged, and the agent adds only its work to the repository.",
        "skills": "A skill is offered to the model with its description, and its scripts run.",
    },
)
async def collect(trial: Trial) -> None:
    """The log contains the patch and exactly the files that the agent added, modified or deleted."""
    options: dict[str, Any] = {"skills": [_MAGIC]} if trial.has("skills") else {}
    collected = OutputFiles(patch=True)
    await trial.run("THE-TASK-TEXT", collect=collected, response_schema=Numbers, system_prompt="Be brief.", **options)
    with trial.judging("response_schema"):
        _check_result(trial)
    with trial.judging("task_files"):
        await _check_task_files(trial)
    with trial.judging("skills"):
        _check_skill(trial)
    files = output_files(store())
    check(files.error is None, f"the collection failed: {files.error}")
    actual = {path: (file.status, file.text) for path, file in files.items()}
    if actual.get("opencode.json") == ("modified", f"{_CONFIG}\n"):  # The CLI wrote to the file and reverted it.
        del actual["opencode.json"]
    expected = {"gone.txt": ("deleted", None), "kept.txt": ("modified", "old\nmore\n"), "out.txt": ("added", "new")}
    check(actual == expected, f"the files are {actual}")
    changed = [line.split()[2] for line in (files.patch or "").splitlines() if line.startswith("diff --git ")]
    check(changed == ["a/gone.txt", "a/kept.txt", "a/out.txt"], f"the patch is {files.patch!r}")


def _check_result(trial: Trial) -> None:
    result = result_of(store(), Numbers)
    check(result == RIGHT, f"the result is {result}, and its error is {store_as(SweResult).error!r}")
    check(store_as(SweResult).tries == 2, f"the result was validated {store_as(SweResult).tries} times, not twice")
    check(trial.state.output.completion == '{"total":2,"names":["a","b"]}', "the result is not the output")
    check(len(trial.requests) == 6, f"the model was called {len(trial.requests)} times, not 6 times")
    trial.check_once("THE-TASK-TEXT")
    trial.check_once("valid against this JSON schema")
    error = "`total`: must be a valid integer"
    check(
        any(error in message.text for message in trial.requests[-1].messages),
        "the agent did not receive the validation error",
    )


async def _check_task_files(trial: Trial) -> None:
    status = await trial.sh("git status --porcelain")
    check(status == " D gone.txt\n M kept.txt\n?? out.txt\n", f"git status printed: {status!r}")
    changed = await trial.sh(f"{_SUM} | diff /before -")
    check(changed == "", f"files were changed: {changed}")


def _check_skill(trial: Trial) -> None:
    trial.require("skills")
    first = trial.requests[0]
    offered = [*(message.text for message in first.messages), *(tool.model_dump_json() for tool in first.tools)]
    check(any("Knows the magic word XYZZY." in text for text in offered), "the skill is not offered to the model")
    check("PLUGH-FROM-SCRIPT" in trial.results[0], f"the skill's script did not run: {trial.results[0]!r}")
