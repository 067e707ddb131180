"""A client that holds growing conversations over bridges, one in each thread.

It reads lines with a port and a number of turns from stdin, and prints the port after each reply.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
from typing import Any

from .host import RESULT, SYSTEM, TOOLS, schema

_TOOLS = [
    {"name": f"tool_{number}", "description": "Does a thing. " * 20, "input_schema": schema(number)}
    for number in range(TOOLS)
]


def hold(port: int, turns: int) -> None:
    """Hold a conversation with the bridge at a port."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Do it."}]
    for _ in range(turns):
        body = {"model": "m", "max_tokens": 1000, "system": SYSTEM, "tools": _TOOLS, "messages": messages}
        connection.request("POST", "/v1/messages", json.dumps(body), {"session": "one"})
        response = connection.getresponse()
        reply = json.loads(response.read())
        assert response.status == 200, reply
        call = next(block for block in reply["content"] if block["type"] == "tool_use")
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": RESULT}
        messages += [{"role": "assistant", "content": reply["content"]}, {"role": "user", "content": [result]}]
        print(port, flush=True)


def main() -> None:
    """Start a thread for each line."""
    threads = []
    for line in sys.stdin:
        port, turns = map(int, line.split())
        threads.append(threading.Thread(target=hold, args=(port, turns)))
        threads[-1].start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
