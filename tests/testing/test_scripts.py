"""Scripts by name and from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model import GenerateConfig, ModelUsage, get_model
from inspect_ai.solver import generate

from inspect_swe.testing import (
    ScriptedModel,
    ScriptedRequest,
    ScriptError,
    call,
    cut,
    fail,
    refuse,
    register_script,
    say,
    script_names,
    shell,
    turn,
    wait,
)
from inspect_swe.testing._scripts import load_script, named_script

from .conftest import RunEval

SCRIPT = """
- shell: ls
- shell: {command: pwd}
  usage: {input_tokens: 5, output_tokens: 6}
- call: {tool: add, arguments: {a: 1}}
- call: list_files
- turn:
    text: Both.
    calls:
      - shell: a
      - call: {tool: calc/add}
- fail: {status: 529, message: overloaded}
- fail: 401
- wait: 2
- wait: {seconds: 0.5, then: {say: Slow.}}
- refuse: No.
- refuse: {text: First I, calls: [{shell: a}]}
- cut: Half of
- cut: {text: I will, stop_reason: model_length, calls: [{shell: a}]}
- say: Done.
"""
STEPS = (
    shell("ls"),
    shell("pwd", usage=ModelUsage(input_tokens=5, output_tokens=6)),
    call("add", a=1),
    call("list_files"),
    turn(shell("a"), call("calc/add"), text="Both."),
    fail(529, "overloaded"),
    fail(401),
    wait(2),
    wait(0.5, then=say("Slow.")),
    refuse("No."),
    refuse("First I", shell("a")),
    cut("Half of"),
    cut("I will", shell("a"), stop_reason="model_length"),
    say("Done."),
)


def test_yaml_and_json(tmp_path: Path) -> None:
    import yaml  # type: ignore[import-untyped]

    (tmp_path / "steps.yaml").write_text(SCRIPT)
    (tmp_path / "steps.json").write_text(json.dumps(yaml.safe_load(SCRIPT)))
    assert load_script(tmp_path / "steps.yaml") == STEPS
    assert load_script(str(tmp_path / "steps.json")) == STEPS
    assert load_script([{"say": "a"}, say("b")]) == (say("a"), say("b"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- sing: la", "step 1: expected one of shell, call, turn"),
        ("- say: a\n- {say: a, shell: b}", "step 2: expected one of"),
        ("- say: {text: a, loud: true}", "step 1: say: .*loud"),
        ("- shell: [ls, -l]", "step 1: shell: requires text"),
        ("- call: {arguments: {}}", "step 1: call: .*tool"),
        ("- turn: [{say: a}]", "step 1: turn: accepts only shell and call steps"),
        ("- fail: 200", "400 to 599"),
        ("- wait: soon", "step 1: wait: "),
        ("- just text", "Item 1 of the script is not a step"),
        ("say: a", "a script is a list of steps"),
        ("- [", "not valid YAML or JSON"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "steps.yaml").write_text(text)
    with pytest.raises(ScriptError, match=message):
        get_model("scripted/file", memoize=False, script=str(tmp_path / "steps.yaml"))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"none\.yaml could not be read: No such file"):
        load_script(tmp_path / "none.yaml")


def test_eval_with_a_script_file(tmp_path: Path, run_eval: RunEval) -> None:
    (tmp_path / "steps.yaml").write_text("- say: From a file.")
    log = run_eval(generate(), "scripted/any", model_args={"script": str(tmp_path / "steps.yaml")})
    assert log.status == "success", log.error
    assert log.samples and log.samples[0].output.completion == "From a file."


def test_script_registered_after_the_model_was_made(run_eval: RunEval) -> None:
    model = get_model("scripted/registered-late", memoize=False)
    register_script("registered-late", [say("Late.")])
    log = run_eval(generate(), model)
    assert log.samples and log.samples[0].output.completion == "Late."
    assert log.eval.model == "scripted/registered-late"
    assert "registered-late" in script_names()


def test_unknown_name_lists_the_known_ones(run_eval: RunEval) -> None:
    log = run_eval(generate(), get_model("scripted/nobody", memoize=False))
    assert log.status == "error"
    assert log.error is not None
    assert "no script named 'nobody'" in log.error.message
    assert "hello" in log.error.message


def test_hello_is_built_in() -> None:
    assert isinstance(get_model("scripted/hello").api, ScriptedModel)
    first, second = named_script("hello")
    assert first == shell("printf 'Hello, world!' > hello.txt")
    assert callable(second)
    request = ScriptedRequest([], [], "auto", GenerateConfig(), "scripted/hello", main=True, index=1, sample=0)
    assert second(request) == say("I wrote hello.txt.")


@pytest.mark.parametrize("arguments", [("", []), ("name", ["text"])])
def test_register_checks(arguments: tuple[str, Any]) -> None:
    with pytest.raises(ScriptError):
        register_script(*arguments)
