"""A client that holds a growing conversation over the bridge: prints a line for each reply."""

from __future__ import annotations

import http.client
import json
import sys
from typing import Any

from .host import RESULT, SYSTEM, TOOLS, schema


def main() -> None:
    """Talk to a port for a number of turns."""
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
    tools = [
        {"name": f"tool_{number}", "description": "Does a thing. " * 20, "input_schema": schema(number)}
        for number in range(TOOLS)
    ]
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Do it."}]
    for _ in range(int(sys.argv[2])):
        body = {"model": "m", "max_tokens": 1000, "system": SYSTEM, "tools": tools, "messages": messages}
        connection.request("POST", "/v1/messages", json.dumps(body), {"session": "one"})
        response = connection.getresponse()
        reply = json.loads(response.read())
        assert response.status == 200, reply
        call = next(block for block in reply["content"] if block["type"] == "tool_use")
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": RESULT}
        messages += [{"role": "assistant", "content": reply["content"]}, {"role": "user", "content": [result]}]
        print(flush=True)


if __name__ == "__main__":
    main()
