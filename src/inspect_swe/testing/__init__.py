"""Scripted model provider, to run evals, agents and whole CLIs without paying for tokens."""

from __future__ import annotations

from . import _provider as _provider
from ._errors import ScriptedFailure, ScriptError
from ._ids import CALL_IDS, CallIds
from ._model import ScriptedModel, scripted, scripted_requests
from ._request import ScriptedRequest
from ._scripts import register_script, script_names
from ._steps import (
    Call,
    Cut,
    DynamicStep,
    Fail,
    Refuse,
    Say,
    ScriptStep,
    Shell,
    Step,
    Turn,
    Wait,
    call,
    cut,
    fail,
    finish,
    refuse,
    say,
    shell,
    turn,
    wait,
    write_result,
)

__all__ = [
    "CALL_IDS",
    "Call",
    "CallIds",
    "Cut",
    "DynamicStep",
    "Fail",
    "Refuse",
    "Say",
    "ScriptError",
    "ScriptStep",
    "ScriptedFailure",
    "ScriptedModel",
    "ScriptedRequest",
    "Shell",
    "Step",
    "Turn",
    "Wait",
    "call",
    "cut",
    "fail",
    "finish",
    "refuse",
    "register_script",
    "say",
    "script_names",
    "scripted",
    "scripted_requests",
    "shell",
    "turn",
    "wait",
    "write_result",
]
