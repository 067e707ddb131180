"""What is special to the real GitHub Copilot CLI, in real containers without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from inspect_ai.model import ChatMessage, ChatMessageUser, ContentImage, ContentText

from inspect_swe import copilot_cli
from inspect_swe.conformance._failures import _KILL_THE_CLI
from inspect_swe.testing import ScriptStep, call, refuse, say, shell, turn

from .harness import Run, asked, run_agent

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PATCH = "*** Begin Patch\n*** Add File: made.txt\n+patched\n*** End Patch\n"


def results(outcome: Run) -> list[str]:
    assert outcome.error is None, outcome.error
    return [message.text for message in outcome.sample.messages if message.role == "tool"]


@pytest.mark.parametrize(
    "prompt",
    ["/help", "/init the project", "!ls", "?", "#README.md {{args}} $HOME `ls`, see @README.md\n\n\n@README.md"],
    ids=["command", "command-with-text", "shell", "help", "mention"],
)
def test_a_prompt_arrives_as_it_is_written(tmp_path: Path, prompt: str) -> None:
    text = asked(run_agent(tmp_path, copilot_cli(), [say("ok")], prompt=prompt, files={"README.md": "SECRET"}))
    assert f"</current_datetime>\n\n{prompt}" in text
    assert "SECRET" not in text


def test_system_prompts_of_ours_the_users_and_the_task(tmp_path: Path) -> None:
    outcome = run_agent(
        tmp_path,
        copilot_cli(system_prompt="Use\n@property, see @./x"),
        [shell("true"), say("ok")],
        files={"AGENTS.md": "FROM-THE-TASK", "x": "SECRET"},
        setup="mkdir -p ~/.copilot && echo FROM-THE-USER > ~/.copilot/copilot-instructions.md",
        show="ls -A; ls -A ~/.copilot",
    )
    assert outcome.seen.split() == ["AGENTS.md", "x", "copilot-instructions.md"]
    for request in (0, 1):
        text = asked(outcome, request)
        for each in ("Use\n@property, see @./x", "FROM-THE-USER", "FROM-THE-TASK"):
            assert text.count(each) == 1, each
        assert "SECRET" not in text


@pytest.mark.parametrize(
    ("model", "wire"),
    [
        ("claude-sonnet-5.5", None),
        ("gpt-5.4", None),
        ("gemini-3.8-flash", None),
        ("somebodys-model", "responses"),
        ("somebodys-model", "anthropic"),
    ],
)
def test_models_and_wires(tmp_path: Path, model: str, wire: str | None) -> None:
    image = ContentImage(image=f"data:image/png;base64,{PIXEL}")
    prompt: list[ChatMessage] = [ChatMessageUser(content=[ContentText(text="What is it?"), image])]
    script: list[ScriptStep] = [shell("echo one"), turn(shell("echo two"), shell("echo three")), say("done")]
    outcome = run_agent(tmp_path, copilot_cli(copilot_model=model, wire=wire), script, prompt=prompt)  # type: ignore[arg-type]
    assert f'id="{model}"' in asked(outcome)
    assert [word for result in results(outcome) for word in ("one", "two", "three") if word in result] == [
        "one",
        "two",
        "three",
    ]
    assert outcome.sample.output.completion == "done"
    content = [message.content for message in outcome.requests[0].messages if message.role == "user"][-1]
    assert [part.image for part in content if isinstance(part, ContentImage)] == [image.image]


def test_a_patch(tmp_path: Path) -> None:
    script: list[ScriptStep] = [call("apply_patch", input=PATCH), say("done")]
    agent = copilot_cli(copilot_model="gpt-5.4", wire="anthropic")
    outcome = run_agent(tmp_path, agent, script, show="cat made.txt")
    assert outcome.seen == "patched\n"


def test_nothing_is_unpacked_and_little_written(tmp_path: Path) -> None:
    outcome = run_agent(
        tmp_path,
        copilot_cli(),
        [shell("echo $COPILOT_PROVIDER_API_KEY none-needed; command -v rg node | wc -l"), say("done")],
        show="find /root /tmp /workspace -newer /etc/hostname -type f; du -sm /var/tmp | cut -f1",
    )
    *written, megabytes = outcome.seen.split()
    assert written == ["/root/.cache/Microsoft/DeveloperTools/deviceid"]
    assert int(megabytes) < 20
    assert "none-needed" in results(outcome)[0], "what looks like a key would have been made stars"


def test_an_image_without_root_certificates(tmp_path: Path) -> None:
    """And with `debug`, what it prints is kept."""
    script: list[ScriptStep] = [shell("echo of the tool"), say("done")]
    outcome = run_agent(tmp_path, copilot_cli(debug=True), script, setup="mv /etc/ssl /etc/not-ssl")
    assert "of the tool" in results(outcome)[0]
    assert any("output" in str(event.data) for event in outcome.sample.events if event.event == "info")


def test_an_answer_without_text_is_scored(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, copilot_cli(), [shell("true"), *[refuse("")] * 9])
    assert outcome.error is None, outcome.error
    assert outcome.sample.scores
    assert len(outcome.requests) < 9


def test_an_invalid_variable_is_an_error_with_its_name(tmp_path: Path) -> None:
    outcome = run_agent(tmp_path, copilot_cli(env={"COPILOT_PROVIDER_MAX_PROMPT_TOKENS": "bad"}), [say("never")])
    assert outcome.error is not None and "Invalid COPILOT_PROVIDER_MAX_PROMPT_TOKENS" in outcome.error
    assert outcome.requests == []


def test_killed_before_its_session_is_written(tmp_path: Path) -> None:
    lost = "find / -path '*/session-state/*' -name events.jsonl -delete 2>/dev/null"
    outcome = run_agent(
        tmp_path,
        copilot_cli(system_prompt="SYSTEM-MARKER"),
        [shell("echo WORK-1"), shell("echo WORK-2"), shell(f"{lost}; kill-the-cli"), say("It is done.")],
        prompt="THE-TASK",
        setup=_KILL_THE_CLI,
    )
    text = asked(outcome, -1)
    for once in ("THE-TASK", "SYSTEM-MARKER", "interrupted by an error"):
        assert text.count(once) == 1, once
    assert "WORK-" not in text, "it was to begin anew"
    assert outcome.sample.output.completion == "It is done."
    assert [message.role for message in outcome.sample.messages][-2:] == ["user", "assistant"]
