"""Views of tool calls, chosen by argument names, as CLIs name their tools differently."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from inspect_ai.tool import ToolCall, ToolCallContent

_SHELLS = ("command", "cmd", "CommandLine")
_FILES = ("file_path", "filePath", "path", "absolute_path", "notebook_path", "target_file", "filename")
_CONTENTS = ("content", "file_text", "contents")
_EDITS = (("old_string", "new_string"), ("oldString", "newString"), ("old_str", "new_str"))
_PATCHES = ("input", "patch", "patchText")
_BEGINS_PATCH = "*** Begin Patch"
_LANGUAGES = {
    **{"py": "python", "js": "javascript", "ts": "typescript", "rs": "rust", "rb": "ruby", "yml": "yaml"},
    **{"cc": "cpp", "h": "c", "hpp": "cpp", "sh": "bash", "md": "markdown"},
}


def view_of(call: ToolCall) -> ToolCallContent | None:
    """Return a view of a call's command, change or file, or None to show the plain arguments."""
    arguments = call.arguments
    if (command := _command(arguments)) is not None:
        note = arguments.get("description")
        return _block(call, "bash", command, f"{note}\n\n" if note else "")
    if (patch := _patch(arguments)) is not None:
        return _block(call, "diff", patch)
    file = _text(arguments, _FILES)
    if file is None:
        return None
    name = f"`{file}`\n\n"
    if (change := _change(arguments)) is not None:
        return _block(call, "diff", change, name)
    if (content := _text(arguments, _CONTENTS)) is not None:
        return _block(call, _language(file), content, name)
    return None


def _command(arguments: Mapping[str, Any]) -> str | None:
    command = next((arguments[name] for name in _SHELLS if name in arguments), None)
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        # Show the script of `sh -c SCRIPT`, without the shell.
        shell = len(command) == 3 and posixpath.basename(command[0]) in ("sh", "bash", "zsh")
        return str(command[2]) if shell else " ".join(command)
    # `text_editor` also has a `command`, a single word beside a path.
    return command if isinstance(command, str) and _text(arguments, _FILES) is None else None


def _patch(arguments: Mapping[str, Any]) -> str | None:
    text = _text(arguments, _PATCHES)
    return text if text is not None and text.lstrip().startswith(_BEGINS_PATCH) else None


def _change(arguments: Mapping[str, Any]) -> str | None:
    edits = arguments.get("edits")
    changes = [_diff(edit) for edit in (edits if isinstance(edits, list) else [arguments])]
    return "\n".join(change for change in changes if change is not None) or None


def _diff(edit: Any) -> str | None:
    for old, new in _EDITS:
        if isinstance(edit, Mapping) and isinstance(edit.get(old), str) and isinstance(edit.get(new), str):
            lines = difflib.unified_diff(edit[old].splitlines(), edit[new].splitlines(), lineterm="", n=3)
            # Drop the two header lines: the view already names the file.
            return "\n".join(list(lines)[2:])
    return None


def _text(arguments: Mapping[str, Any], names: Sequence[str]) -> str | None:
    values = (arguments.get(name) for name in names)
    return next((value for value in values if isinstance(value, str)), None)


def _language(file: str) -> str:
    ending = posixpath.splitext(file)[1].removeprefix(".").lower()
    return _LANGUAGES.get(ending, ending)


def _block(call: ToolCall, language: str, text: str, above: str = "") -> ToolCallContent:
    fence = "```"
    while fence in text:
        fence += "`"
    for name in call.arguments:
        # Inspect would insert the argument; a zero-width space prevents that without a visible change.
        text = text.replace(f"{{{{{name}}}}}", f"{{\u200b{{{name}}}}}")
    shown = f"{above}{fence}{language}\n{text.rstrip()}\n{fence}\n"
    return ToolCallContent(title=call.function, format="markdown", content=shown)
