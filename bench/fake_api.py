"""Runs inside the container, for the floor: an Anthropic API that plays the workload's script. Standard library.

Usage: fake_api.py PORT CALLS
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CALLS = int(sys.argv[2])


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], str]:
    """A content block, its delta and the stop reason: as the workload's model would answer."""
    contents = [message["content"] for message in request["messages"] if isinstance(message["content"], list)]
    done = sum(block.get("type") == "tool_result" for content in contents for block in content)
    if done < CALLS - 1:
        block = {"type": "tool_use", "id": f"toolu_{done:04d}", "name": "Bash", "input": {}}
        return block, {"type": "input_json_delta", "partial_json": json.dumps({"command": f"echo {done}"})}, "tool_use"
    return {"type": "text", "text": ""}, {"type": "text_delta", "text": f"done after {done + 1}"}, "end_turn"


def events(request: dict[str, Any]) -> list[dict[str, Any]]:
    block, delta, stop = answer(request)
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"], "content": []}
    usage = {"input_tokens": 100, "output_tokens": 1}
    start = {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": 10},
        },
        {"type": "message_stop"},
    ]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not self.path.startswith("/v1/messages") or "count_tokens" in self.path:
            return self._send(404, "application/json", b"{}")
        body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events(request))
        return self._send(200, "text/event-stream", body.encode())

    def do_GET(self) -> None:
        self._send(404, "application/json", b"{}")

    def do_HEAD(self) -> None:
        self._send(200, "application/json", b"")

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
