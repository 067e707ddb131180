"""Run the Antigravity SDK. The sandbox's own Python runs this file, with the package's folder first in `sys.path`.

    python3 antigravity_runner.py JOB_FILE CONVERSATION [--resume] [--image FILE...] < PROMPT

The job file contains the paths of the package and the conversations, and the model's address. An existing conversation
is resumed; with `--resume` it must exist. Each step is printed as a JSON line. The last line is the result, which is
missing if the SDK's own program dies.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import importlib.util
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

_OPTIONS = argparse.ArgumentParser()
_OPTIONS.add_argument("job", type=Path)
_OPTIONS.add_argument("conversation")
_OPTIONS.add_argument("--resume", action="store_true")
_OPTIONS.add_argument("--image", action="append", default=[])

OPTIONS = _OPTIONS.parse_args()
JOB = json.loads(OPTIONS.job.read_text(encoding="utf-8"))
# These variables were withheld from this Python. The commands of the SDK's program get them.
os.environ.update(JOB["commands_env"])


def say(event: dict[str, Any]) -> None:
    """Print an event."""
    sys.stdout.write(json.dumps(event, default=str) + "\n")
    sys.stdout.flush()


def _find_packages(folders: list[str]) -> None:
    """Import packages from our folders first, and Google's packages from nowhere else if we bring them."""
    sys.path[:0] = folders
    if folders:
        google = sys.modules["google"] = ModuleType("google")
        google.__path__ = [f"{folder}/google" for folder in folders]
    if importlib.util.find_spec("google.genai") is None:
        # The SDK needs it only for Python functions as tools, which we don't use. It is half of all imports.
        genai = sys.modules["google.genai"] = ModuleType("google.genai")
        kinds = sys.modules["google.genai.types"] = ModuleType("google.genai.types")
        vars(genai)["types"], vars(kinds)["Type"] = kinds, type("Type", (), {})


try:
    _find_packages(JOB["folders"])
    sdk = importlib.import_module("google.antigravity")
except ImportError as missing:
    say({"type": "result", "status": "Failed", "reason": f"{sys.executable}: {missing}"})
    sys.exit(1)
policy, types = importlib.import_module("google.antigravity.hooks.policy"), sdk.types

# Errors caused by the model: an answer that is blocked, empty or too long, or calls a missing tool.
_SCORED = "model output error"
# The number of bad answers in a row that end the run. The SDK repeats empty answers without a limit of its own.
_BAD_ANSWERS = 5

# It cuts longer texts at 192,000 bytes, and documents nowhere.
_LONG = 150_000

_SERVERS = {"stdio": types.McpStdioServer, "http": types.McpStreamableHttpServer}


def configuration() -> Any:
    """Return the SDK's configuration."""
    options = types.GeminiModelOptions(max_output_tokens=JOB["max_output"])
    endpoint = types.GeminiAPIEndpoint(base_url=JOB["url"], api_key="none-needed", options=options)
    # Without an image model, images would go to Google's, as would requests to generate one.
    kinds = [types.ModelType.TEXT, types.ModelType.IMAGE]
    off = [types.BuiltinTools.GENERATE_IMAGE, *([] if JOB["web_search"] else [types.BuiltinTools.SEARCH_WEB])]
    mode = types.SessionContinuationMode
    return sdk.LocalAgentConfig(
        models=[types.ModelTarget(name=JOB["model"], types=kinds, endpoint=endpoint)],
        system_instructions=JOB["system"],
        capabilities=types.CapabilitiesConfig(disabled_tools=off, mcp_max_output_bytes=JOB["mcp_output"]),
        policies=[policy.allow_all()],
        mcp_servers=[_SERVERS[server["type"]](**server) for server in JOB["mcp_servers"]],
        workspaces=[os.getcwd()],
        conversation_id=OPTIONS.conversation,
        session_continuation_mode=mode.RESUME if OPTIONS.resume else mode.CREATE_OR_RESUME,
        save_dir=JOB["sessions"],
        app_data_dir=JOB["app_data"],
        skills_paths=JOB["skills"],
        # `ask()` counts bad answers itself: at its own limit the SDK would repeat the request without tools.
        retry_config=types.RetryConfig(
            api_retry=types.ModelAPIRetryConfig(max_retries=0),
            model_output_retry=types.ModelOutputRetryConfig(max_retries=100 * _BAD_ANSWERS),
        ),
        compaction_config=types.CompactionConfig(token_threshold=JOB["compact_at"]) if JOB["compact_at"] else None,
    )


async def ask(prompt: list[Any]) -> str:
    """Run the agent on a prompt and return its last response."""
    bad: Counter[str] = Counter()
    async with sdk.Agent(configuration()) as agent:
        await agent.conversation.send(prompt)
        async for step in agent.conversation.receive_steps():
            if step.status not in (types.StepStatus.DONE, types.StepStatus.ERROR):
                continue
            say({**step.model_dump(mode="json", exclude_defaults=True), "type": "step", "kind": step.type})
            thread, failed = step.trajectory_id, step.status == types.StepStatus.ERROR
            bad[thread] = 0 if step.tool_calls else bad[thread] + (failed and _SCORED in step.content)
            if bad[thread] == _BAD_ANSWERS:
                raise types.AntigravityExecutionError(step.content)
        return str(agent.conversation.last_response)


@contextlib.contextmanager
def home_as_it_was() -> Iterator[None]:
    """Remove the file that the SDK's program unpacks into the user's home, for a browser that the sandbox lacks."""
    encoder = Path.home() / ".gemini/antigravity/bin/webm_encoder"
    new = [path for path in (encoder, *list(encoder.parents)[:3]) if not path.exists()]
    try:
        yield
    finally:
        for path in new:
            with contextlib.suppress(OSError):
                path.unlink() if path == encoder else path.rmdir()


def main() -> dict[str, Any]:
    """Run the agent on the prompt on stdin, and return the result."""
    text = sys.stdin.buffer.read()
    whole = [text.decode("utf-8", errors="replace")]
    attached = ["The request is attached.", types.Document(data=text, mime_type="text/plain")]
    try:
        images = [types.Image.from_file(image) for image in OPTIONS.image]
        with home_as_it_was():
            answer = asyncio.run(ask([*(attached if len(text) > _LONG else whole), *images]))
        return {"status": "Done", "answer": answer}
    except Exception as ex:
        if "Harness process exited" in str(ex):
            raise
        status = "Refused" if _SCORED in str(ex) else "Failed"
        return {"status": status, "reason": f"{type(ex).__name__}: {ex}"}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO if JOB["debug"] else logging.WARNING, stream=sys.stderr)
    ended = main()
    say({"type": "result", **ended})
    sys.exit(0 if ended["status"] == "Done" else 1)
