"""An MCP server over stdio that needs nothing but Python: the notes are the text files beside it."""

import json
import sys
from pathlib import Path
from typing import Any

NOTES = {file.stem: file.read_text() for file in Path(__file__).parent.glob("*.txt")}


def tool(name: str, about: str, argument: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}
    return {"name": name, "description": about, "inputSchema": schema}


TOOLS = [
    tool("search", "Titles of the notes that have a word.", "word"),
    tool("read", "A note's text.", "title"),
]


def called(name: str, arguments: dict[str, str]) -> str:
    if name == "search":
        return "\n".join(title for title, text in NOTES.items() if arguments["word"] in text) or "none"
    return NOTES.get(arguments["title"], "There is no such note.")


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        server = {"name": "notes", "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": server}
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "tools/call":
        return {"content": [{"type": "text", "text": called(params["name"], params["arguments"])}]}
    return {}


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        result = answer(request["method"], request.get("params") or {})
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}) + "\n")
        sys.stdout.flush()
