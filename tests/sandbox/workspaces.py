"""A workspace on this machine: the relay, the shell and the tools are real ones, and no engine is needed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from inspect_ai.util._sandbox.local import LocalSandboxEnvironment

from inspect_swe._sandbox.probe import probe_sandbox
from inspect_swe._sandbox.transports.local import LocalTransport
from inspect_swe._sandbox.workspace import Workspace


@contextlib.asynccontextmanager
async def local_workspace(cwd: str) -> AsyncIterator[Workspace]:
    sandbox = LocalSandboxEnvironment()
    try:
        transport = LocalTransport(sandbox, None)
        workspace = Workspace(transport, await probe_sandbox(transport.run, []), cwd, id(sandbox))
        async with workspace.reachable():
            yield workspace
        await transport.run(["rm", "-rf", workspace.probe.scratch])
    finally:
        sandbox.directory.cleanup()
