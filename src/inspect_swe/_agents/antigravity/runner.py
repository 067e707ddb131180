"""Runs the Antigravity SDK. The sandbox's own Python runs this file, with the package's folder in front.

    python3 antigravity_runner.py JOB_FILE CONVERSATION [--resume] [--image FILE...] < PROMPT

The job says where the package and the conversations lie, and where the model is. A conversation that exists is gone on
with (with `--resume` it must). What the agent says and does is printed as JSON lines, and the last line says how it
ended; if the SDK's own program dies, there is no such line.
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
# What was kept from this Python is for the commands that its program starts.
os.environ.update(JOB["commands_env"])


def say(event: dict[str, Any]) -> None:
    """Print an event."""
    sys.stdout.write(json.dumps(event, default=str) + "\n")
    sys.stdout.flush()


def _find_packages(folders: list[str]) -> None:
    """Look for packages in our folders first, and for those of Google, as far as we bring them, nowhere else."""
    sys.path[:0] = folders
    if folders:
        google = sys.modules["google"] = ModuleType("google")
        google.__path__ = [f"{folder}/google" for folder in folders]
    if importlib.util.find_spec("google.genai") is None:
        # The SDK wants it for Python functions as tools, of which there are none: half of all that it would import.
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

# The model's own doing: an answer that was blocked, is empty or too long, or calls what there is not.
_SCORED = "model output error"
# In the place of a bad answer it asks for another one, this often; of an empty one without an end, if it is let.
_BAD_ANSWERS = 5

# It cuts longer texts at 192,000 bytes, and documents nowhere.
_LONG = 150_000

_SERVERS = {"stdio": types.McpStdioServer, "http": types.McpStreamableHttpServer}


def configuration() -> Any:
    """What the SDK is told."""
    options = types.GeminiModelOptions(max_output_tokens=JOB["max_output"])
    endpoint = types.GeminiAPIEndpoint(base_url=JOB["url"], api_key="none-needed", options=options)
    # A model for images that is not ours would be Google's, as would be what draws them.
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
        # When it gives up on bad answers is for us to say: it would first ask once more, without tools.
        retry_config=types.RetryConfig(
            api_retry=types.ModelAPIRetryConfig(max_retries=0),
            model_output_retry=types.ModelOutputRetryConfig(max_retries=100 * _BAD_ANSWERS),
        ),
        compaction_config=types.CompactionConfig(token_threshold=JOB["compact_at"]) if JOB["compact_at"] else None,
    )


async def ask(prompt: list[Any]) -> str:
    """Have the agent work on a prompt until it is done, and return what it said at last."""
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
    """Take away what the SDK's program unpacks into the user's home: it is for a browser, which there is not."""
    encoder = Path.home() / ".gemini/antigravity/bin/webm_encoder"
    new = [path for path in (encoder, *list(encoder.parents)[:3]) if not path.exists()]
    try:
        yield
    finally:
        for path in new:
            with contextlib.suppress(OSError):
                path.unlink() if path == encoder else path.rmdir()


def main() -> dict[str, Any]:
    """Read the prompt, and say how the agent ended."""
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
