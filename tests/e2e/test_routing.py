"""Nothing sends a CLI's requests past the bridge. The matrix and `diversions.py` have the rest of it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from inspect_ai.solver import TaskState

import inspect_swe
from inspect_swe._folders import CACHE_VARIABLE
from inspect_swe._store.store import ArtifactStore
from inspect_swe.conformance._diversions import DIVERSIONS, RECORD, setup_script
from inspect_swe.testing import finish, say, shell

from .harness import run_agent
from .test_acp import AGENTS, converse

WAYS = [way for way in DIVERSIONS if way.error is None]
ENV = {name: value for way in WAYS for name, value in way.env.items()}
REFUSED = {way.error: (way.agents[0], way) for way in DIVERSIONS if way.error in way.files}


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and the credentials that it was sent."""
    told: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(f"{self.path} {self.headers['Authorization']} {self.headers['X-Api-Key']}")
            self.send_error(400)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", told
        server.shutdown()


def test_a_developers_own_token_stays_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: tuple[str, list[str]]
) -> None:
    address, told = elsewhere
    home = tmp_path / "home"
    (home / ".claude").mkdir(parents=True)
    own = {"ANTHROPIC_BASE_URL": address, "ANTHROPIC_AUTH_TOKEN": "the-developers-own"}
    (home / ".claude/settings.json").write_text(json.dumps({"env": own}))
    monkeypatch.setenv(CACHE_VARIABLE, str(ArtifactStore().root))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CLAUDE_CODE_API_BASE_URL", address)
    monkeypatch.setenv("HTTP_PROXY", address)
    run = run_agent(tmp_path, inspect_swe.claude_code(), [shell("true"), say("Done.")], sandbox="local")
    assert told == []
    assert run.error is None, run.error
    assert run.sample.output.completion == "Done."
    assert "CLAUDE_CODE_API_BASE_URL" in run.info["unset"]


@pytest.mark.parametrize("key", AGENTS)
def test_interactive_agents_are_not_diverted(key: str, tmp_path: Path) -> None:
    made = AGENTS[key]()

    async def talk(state: TaskState) -> None:
        async with made.session(state) as session:
            assert (await session.prompt("Do it.")).text.strip() == "Done."

    run = converse(
        tmp_path,
        made,
        [shell("echo WORKED > out"), say("Done.")],
        talk,
        show=f"cat out; cat {RECORD}",
        setup=setup_script(WAYS),
        environment=ENV,
    )
    assert run.seen == "WORKED\n"


@pytest.mark.parametrize("file", REFUSED)
def test_a_file_that_cannot_be_outranked_is_named(file: str, tmp_path: Path) -> None:
    key, way = REFUSED[file]
    agent = getattr(inspect_swe, key)()
    run = run_agent(tmp_path, agent, [finish("never")], setup=setup_script([way]), environment=dict(way.env))
    assert run.error is not None
    assert f"{file.removeprefix('.')} in the sandbox would send the model requests of" in run.error
    assert run.requests == []


def test_the_agents_commands_see_the_rest_of_the_environment(tmp_path: Path) -> None:
    run = run_agent(
        tmp_path,
        inspect_swe.claude_code(env={"NO_PROXY": "mine.example"}),
        [shell('echo "$AWS_REGION $HTTP_PROXY $NO_PROXY ${CLAUDE_CODE_USE_BEDROCK-unset}" > out'), say("Done.")],
        show="cat out",
        environment={"AWS_REGION": "eu-west-1", "HTTP_PROXY": "http://127.0.0.1:9", "CLAUDE_CODE_USE_BEDROCK": "1"},
    )
    assert run.seen == "eu-west-1 http://127.0.0.1:9 mine.example,127.0.0.1,localhost,::1 unset\n"
