"""Runs inside a container, in the place of an ACP agent: a prompt's answer is many chunks, whose times go to a file.

Usage: python3 -c <this file> TIMES CHUNKS SECONDS_BETWEEN
"""

import json
import sys
import time

times_file, chunks, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
ANSWERS = {"initialize": {"protocolVersion": 1, "agentCapabilities": {}}, "session/new": {"sessionId": "emitter"}}


def write(**message: object) -> float:
    now = time.time()
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()
    return now


def emit(number: int) -> float:
    update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": f"{number} "}}
    return write(method="session/update", params={"sessionId": "emitter", "update": update})


for line in sys.stdin:
    request = json.loads(line)
    if request.get("method") == "session/prompt":
        times = []
        for number in range(chunks):
            time.sleep(pause)
            times.append(emit(number))
        with open(times_file, "w") as file:
            json.dump(times, file)
        write(id=request["id"], result={"stopReason": "end_turn"})
    elif "id" in request:
        write(id=request["id"], result=ANSWERS.get(request["method"], {}))
