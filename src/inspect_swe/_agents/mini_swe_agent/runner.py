"""Run mini-swe-agent. The sandbox's own Python runs this file, with the package's folder first in `sys.path`.

    python3 mini_runner.py JOB_FILE [--resume] < PROMPT
    python3 mini_runner.py JOB_FILE --terminal [OPTION...]

The job file contains the paths of the package and the conversation, and the model's address. With a prompt, an existing
conversation is resumed (with `--resume` it must exist), and the last line of output is the result as a JSON object.
In a terminal, a person works with the package's own command and its options.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

JOB = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
sys.path[:0] = JOB["folders"]
# These variables were withheld from this Python. The agent's commands get them.
os.environ.update(JOB["commands_env"])


@contextlib.contextmanager
def settings_in_environment() -> Iterator[None]:
    """Set the variables that the package reads at its import, and remove them: the model's commands do not get them."""
    ours = {name: value for name, value in JOB["env"].items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


with settings_in_environment():
    import minisweagent  # type: ignore[import-not-found]
    import requests
    from minisweagent.agents.default import DefaultAgent  # type: ignore[import-not-found]
    from minisweagent.agents.interactive import InteractiveAgent  # type: ignore[import-not-found]
    from minisweagent.exceptions import InterruptAgentFlow, Submitted  # type: ignore[import-not-found]
    from minisweagent.models.openrouter_model import OpenRouterModel  # type: ignore[import-not-found]
    from minisweagent.models.utils.actions_toolcall import BASH_TOOL  # type: ignore[import-not-found]
    from minisweagent.run import mini  # type: ignore[import-not-found]

_SUBMIT = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


class Model(OpenRouterModel):  # type: ignore[misc]
    """The package's model for Chat Completions, which calls the bridge and also detects a provider's refusal."""

    def query(self, messages: list[dict[str, Any]], **kwargs: Any) -> dict[str, Any]:
        with settings_in_environment():
            return dict(super().query(messages, **kwargs))

    def _query(self, messages: list[dict[str, Any]], **kwargs: Any) -> dict[str, Any]:
        request = {"model": self.config.model_name, "messages": messages, "tools": [BASH_TOOL]}
        with requests.Session() as session:
            session.trust_env = False
            session.headers["User-Agent"] = f"mini-swe-agent/{minisweagent.__version__}"
            response = session.post(JOB["url"], json=request)
        if response.status_code != 200:
            raise RuntimeError(f"HTTP {response.status_code}: {response.text}")
        answer: dict[str, Any] = response.json()
        choice = answer["choices"][0]
        if choice["finish_reason"] == "content_filter":
            text = choice["message"]["content"] or ""
            end = {"role": "exit", "content": text, "extra": {"exit_status": "Refused", "submission": text}}
            raise InterruptAgentFlow({"role": "assistant", "content": text}, end)
        return answer

    def _calculate_cost(self, response: dict[str, Any]) -> dict[str, float]:
        return {"cost": 0.0}


class _Instructed(DefaultAgent):  # type: ignore[misc]
    """The package's agent, with a text appended to its system prompt."""

    def _render_template(self, template: str) -> str:
        text = str(super()._render_template(template))
        appended = JOB["system"] if template == self.config.system_template else None
        return f"{text.rstrip()}\n\n{appended}" if appended else text


class PersonsAgent(_Instructed, InteractiveAgent):  # type: ignore[misc]
    """The package's agent for a person."""


class Agent(_Instructed):
    """The package's agent, which also resumes a conversation and records the output of the command that submits."""

    def run(self, task: str = "", **kwargs: Any) -> dict[str, Any]:
        path = self.config.output_path
        saved = json.loads(path.read_text(encoding="utf-8"))["messages"] if path.exists() else []
        if not any(message["role"] == "assistant" for message in saved):
            return dict(super().run(task, **kwargs))
        self.extra_template_vars |= {"task": task}
        self.messages = [message for message in saved if message["role"] != "exit"]
        self._answer_interrupted_calls()
        self.add_messages(self.model.format_message(role="user", content=task))
        while self.messages[-1]["role"] != "exit":
            try:
                self.step()
            except InterruptAgentFlow as ex:
                self.add_messages(*ex.messages)
            except Exception as ex:
                self.handle_uncaught_exception(ex)
                raise
            finally:
                self.save(path)
        return dict(self.messages[-1].get("extra", {}))

    def _answer_interrupted_calls(self) -> None:
        """Add results to interrupted calls: providers refuse a conversation in which a call has none."""
        last = self.messages[-1]
        if last["role"] == "assistant" and last.get("tool_calls"):
            lost = {"output": "", "returncode": -1, "exception_info": "The command was interrupted."}
            self._add_results(last, [lost] * len(last["extra"]["actions"]))

    def query(self) -> dict[str, Any]:
        self.save(self.config.output_path)
        message = dict(super().query())
        self.save(self.config.output_path)
        return message

    def execute_actions(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        outputs: list[dict[str, Any]] = []
        try:
            for action in message.get("extra", {}).get("actions", []):
                outputs.append(self.env.execute(action))
        except Submitted as ex:
            output = f"{_SUBMIT}\n{ex.messages[0]['extra']['submission']}"
            outputs.append({"output": output, "returncode": 0, "exception_info": ""})
            self._add_results(message, outputs)
            raise
        return self._add_results(message, outputs)

    def _add_results(self, message: dict[str, Any], outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        results = self.model.format_observation_messages(message, outputs, self.get_template_vars())
        return list(self.add_messages(*results))


def in_terminal(options: list[str]) -> None:
    """Run the package's own command for a person."""
    ours = ["--model", JOB["model"], "--model-class", "__main__.Model", "--agent-class", "__main__.PersonsAgent"]
    ours += ["--config", str(mini.DEFAULT_CONFIG_FILE), "--config", "agent.cost_limit=0", "--yolo"]
    mini.app([*ours, "--output", JOB["trajectory"], *options])


def main() -> dict[str, Any]:
    """Run the package's own command with our agent and model, and return the result."""
    if "--resume" in sys.argv and not Path(JOB["trajectory"]).exists():
        return {"status": "Failed", "reason": f"There is no conversation in {JOB['trajectory']}."}
    try:
        agent = mini.main(
            model_name=JOB["model"],
            model_class="__main__.Model",
            agent_class="__main__.Agent",
            environment_class=None,
            task=sys.stdin.buffer.read().decode("utf-8", errors="replace"),
            yolo=True,
            cost_limit=None,
            config_spec=[str(mini.DEFAULT_CONFIG_FILE), "agent.cost_limit=0"],
            output=Path(JOB["trajectory"]),
            exit_immediately=True,
        )
    except Exception as ex:
        return {"status": "Failed", "reason": f"{type(ex).__name__}: {ex}"}
    extra = agent.messages[-1].get("extra", {})
    return {"status": extra.get("exit_status", ""), "answer": extra.get("submission", "")}


if __name__ == "__main__":
    mini.configure_if_first_time = lambda: None
    if sys.argv[2:3] == ["--terminal"]:
        in_terminal(sys.argv[3:])
        sys.exit()
    ended = main()
    sys.stdout.write(json.dumps({"type": "result", **ended}) + "\n")
    sys.stdout.flush()
    sys.exit(1 if ended["status"] == "Failed" else 0)
