"""What is special to the real Antigravity SDK, in real containers without a network."""

from __future__ import annotations

from pathlib import Path

from inspect_ai.model import ModelOutput
from inspect_ai.tool import Tool, tool

from inspect_swe import antigravity
from inspect_swe.testing import ScriptStep, call, finish, say, scripted, shell

from .harness import run_agent, tool_results

LISTEN = r"""#!/bin/sh
echo 'nameserver 127.0.0.1' > /etc/resolv.conf
cat > /tmp/names.py <<'END'
import socket
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.1", 53))
while True:
    asked, client = names.recvfrom(512)
    open("/tmp/names", "ab").write(asked[12:] + b"\n")
    names.sendto(asked[:2] + b"\x81\x83" + asked[4:], client)
END
setsid python3 /tmp/names.py >/dev/null 2>&1 </dev/null &
sleep 1
"""
NAMES = "getent hosts control.example; cat /tmp/names | tr -c 'a-z\\n' ' '"

KILL_THE_PROGRAM = r"""#!/bin/sh
cat > /usr/local/bin/kill-the-program <<'END'
#!/bin/sh
for p in /proc/[0-9]*; do case $(readlink $p/exe) in */localharness) kill -9 ${p#/proc/};; esac; done
sleep 20
END
chmod 755 /usr/local/bin/kill-the-program
"""


@tool
def report() -> Tool:
    async def execute() -> str:
        """Write a report."""
        return f"{'0123456789' * 2_000} THE-END"

    return execute


def test_empty_answers_end_the_run(tmp_path: Path) -> None:
    run = run_agent(tmp_path, antigravity(), [shell("echo before it"), *[say("")] * 20])
    assert run.error is None
    assert 6 <= len(run.requests) <= 8, "five empty answers, and what was asked before the program had ended"
    assert all(request.tools for request in run.requests), "it never goes without tools"
    assert any("before it" in text for text in tool_results(run.sample.messages))


def test_large_results_of_host_tools_are_whole(tmp_path: Path) -> None:
    run = run_agent(tmp_path, antigravity(bridged_tools=[report()]), [call("report"), finish("Done.")])
    assert run.error is None
    assert any("THE-END" in text for text in tool_results(run.sample.messages))


def test_no_name_is_looked_up(tmp_path: Path) -> None:
    run = run_agent(tmp_path, antigravity(), [shell("echo hi"), finish("Done.")], setup=LISTEN, show=NAMES)
    asked = run.seen.split("\n")
    assert any("control example" in name for name in asked), "names are not listened to"
    assert [name for name in asked if name.strip() and "control example" not in name] == []


def test_the_home_is_as_it_was(tmp_path: Path) -> None:
    during = shell("sleep 1; ls ~/.gemini/antigravity/bin")
    run = run_agent(tmp_path, antigravity(), [during, finish("Done.")], show="ls -A ~")
    assert ".gemini" not in run.seen and ".config" not in run.seen
    assert "webm_encoder" in tool_results(run.sample.messages)[0], "it no longer unpacks it there"


def test_a_command_in_the_background_is_waited_for(tmp_path: Path) -> None:
    script: list[ScriptStep] = [shell("sleep 14; echo LATE; echo done > late"), say("I wait."), finish("It is there.")]
    run = run_agent(tmp_path, antigravity(), script, show="cat late")
    assert run.seen == "done\n"
    assert len(run.requests) == 3
    assert "LATE" in run.requests[-1].messages[-1].text
    assert run.sample.output.completion == "It is there."


def test_compaction_by_the_served_models_window(tmp_path: Path) -> None:
    steps: list[ScriptStep] = [shell(f"seq {n}0000 {n}3000") for n in range(1, 9)]
    model = scripted([*steps, finish("Done.")], name="small", context_window=40_000)
    run = run_agent(tmp_path, antigravity(), [], model=model)
    assert run.error is None and run.sample.output.completion == "Done."
    sizes = [len(request.messages) for request in run.requests]
    assert sizes[:5] == [2, 4, 6, 8, 10] and sizes[-1] < 10
    assert any("Resuming from a compaction" in message.text for message in run.requests[-1].messages)


def test_its_program_is_killed(tmp_path: Path) -> None:
    script: list[ScriptStep] = [
        shell("echo before > w"),
        shell("kill-the-program"),
        shell("echo after >> w"),
        finish("Done."),
    ]
    run = run_agent(tmp_path, antigravity(), script, setup=KILL_THE_PROGRAM, show="cat w")
    assert run.seen == "before\nafter\n"


def test_web_search_is_the_served_models(tmp_path: Path) -> None:
    run = run_agent(tmp_path, antigravity(web_search=False), [shell("echo hi"), finish("Done.")])
    assert run.error is None
    assert "search_web" not in {tool.name for tool in run.requests[0].tools}
    run = run_agent(tmp_path, antigravity(), [call("search_web", query="cats"), finish("Done.")])
    searches = [event for event in run.sample.events if event.event == "model" and "web_search" in str(event.tools)]
    assert len(searches) == 1 and isinstance(searches[0].output, ModelOutput)
