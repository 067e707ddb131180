"""Behaviours: users, folders and images."""

from __future__ import annotations

from typing import Any

from inspect_ai.tool import Skill

from .._errors import AgentInstallError, SandboxUnsupportedError
from ..testing import finish, shell
from ._behaviour import NotApplicable, behaviour, check
from ._trial import Trial

_STRICT = {
    "user": "4242:4242",
    "read_only": True,
    "tmpfs": ["/tmp:exec,mode=1777"],
    "working_dir": "/tmp",
}


@behaviour(
    [shell("id -u > facts; echo one > x"), finish("First."), shell("echo two >> x"), finish("Second.")],
    service=_STRICT,
    copies=True,
    also={"container_user": "It runs where the container's user is not root and has no name."},
)
async def read_only_root(trial: Trial) -> None:
    """It runs, and goes on after a first attempt, where only /tmp can be written to."""
    trial.grades = ["I"]
    await trial.run("Do it.", attempts=2)
    with trial.judging("container_user"):
        check(await trial.sh("cat facts") == "4242\n", "it did not run as the container's user")
    check(await trial.sh("cat x") == "one\ntwo\n", "the second attempt did not go on")
    check(len(trial.requests) == 4, f"the model was asked {len(trial.requests)} times, not 4 times")


@behaviour([shell("echo hi > out"), finish("Done.")], minimal=True, copies=True)
async def minimal_image(trial: Trial) -> None:
    """It runs in an image with little more than a shell, or says what is missing there."""
    await trial.attempt("Do it.")
    if isinstance(trial.error, (AgentInstallError, SandboxUnsupportedError)):
        check(not trial.requests, "it asked the model before it gave up")
        raise NotApplicable(trial.error.summary)
    check(trial.error is None, f"it ended with {type(trial.error).__name__}: {trial.error}")
    check(await trial.sh("cat out") == "hi\n", "it did not work")


_FILES = "AGENTS.md CLAUDE.md GEMINI.md QWEN.md .claude/settings.json .gemini/settings.json .qwen/settings.json"
_OWN = "$HOME/.claude $HOME/.codex $HOME/.gemini $HOME/.qwen $HOME/.config/opencode $HOME/.config/mini-swe-agent"
_SUM = f"find . {_OWN} -type f -not -path './.git/*' -not -name work.txt | sort | xargs md5sum"
_REPOSITORY = f"""#!/bin/sh
set -e
cd /workspace
git init -q . && git config user.email a@b && git config user.name n
mkdir -p .claude .gemini .qwen .codex .opencode
for file in {_FILES}; do echo '{{}}' > $file; done
echo 'INSTRUCTIONS-OF-THE-TASK' > AGENTS.md
echo '{{"theme": "system"}}' > opencode.json
echo '' > .codex/config.toml
git add -A && git commit -qm init
mkdir -p {_OWN}
for folder in {_OWN}; do echo '{{}}' > $folder/settings.json; echo mine > $folder/note.txt; done
echo '' > $HOME/.codex/config.toml
{_SUM} > /before
"""


_MAGIC = Skill(
    name="magic",
    description="Knows the magic word XYZZY.",
    instructions="The magic word is PLUGH. Run scripts/word.sh to print it.",
    scripts={"word.sh": "#!/bin/sh\necho PLUGH-FROM-SCRIPT\n"},
)
# Without a command substitution, which some CLIs do not allow.
_RUN_ITS_SCRIPT = "find / -path '*/magic/scripts/word.sh' -not -path '/proc/*' -exec sh {} ';' 2>/dev/null"


@behaviour(
    [shell(_RUN_ITS_SCRIPT), shell("echo work > work.txt"), finish("Done.")],
    setup=_REPOSITORY,
    also={"skills": "A skill is offered to the model with its description, and its scripts run."},
)
async def task_files(trial: Trial) -> None:
    """The task's own files stay as they are, and nothing but the work is left in its repository."""
    given: dict[str, Any] = {"skills": [_MAGIC]} if trial.has("skills") else {}
    await trial.run("Work.", system_prompt="Be brief.", **given)
    with trial.judging("skills"):
        trial.require("skills")
        first = trial.requests[0]
        offered = [*(message.text for message in first.messages), *(tool.model_dump_json() for tool in first.tools)]
        check(any("Knows the magic word XYZZY." in text for text in offered), "the skill is not offered to the model")
        check("PLUGH-FROM-SCRIPT" in trial.results[0], f"its script did not run: {trial.results[0]!r}")
    status = await trial.sh("git status --porcelain")
    check(status == "?? work.txt\n", f"git status says: {status!r}")
    changed = await trial.sh(f"{_SUM} | diff /before -")
    check(changed == "", f"files were changed: {changed}")
