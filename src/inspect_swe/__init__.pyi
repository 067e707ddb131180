"""Real coding-agent CLIs as Inspect AI agents."""

from . import (
    acp as acp,
)
from . import (
    adapter as adapter,
)
from . import (
    conformance as conformance,
)
from . import (
    testing as testing,
)
from ._agents import (
    cli_tools as cli_tools,
)
from ._agents.antigravity.agent import (
    antigravity as antigravity,
)
from ._agents.claude_code.agent import (
    claude_code as claude_code,
)
from ._agents.codex_cli.agent import (
    CodexAutoReview as CodexAutoReview,
)
from ._agents.codex_cli.agent import (
    codex_cli as codex_cli,
)
from ._agents.copilot_cli.agent import (
    copilot_cli as copilot_cli,
)
from ._agents.gemini_cli.agent import (
    gemini_cli as gemini_cli,
)
from ._agents.kimi_code.agent import (
    kimi_code as kimi_code,
)
from ._agents.mini_swe_agent.agent import (
    mini_swe_agent as mini_swe_agent,
)
from ._agents.opencode.agent import (
    opencode as opencode,
)
from ._agents.pi.agent import (
    pi as pi,
)
from ._agents.qwen_code.agent import (
    qwen_code as qwen_code,
)
from ._binaries import (
    AgentBinaries as AgentBinaries,
)
from ._binaries import (
    AgentBinary as AgentBinary,
)
from ._binaries import (
    cached_agent_binaries as cached_agent_binaries,
)
from ._binaries import (
    download_agent_binary as download_agent_binary,
)
from ._binaries import (
    download_wheels_tarball as download_wheels_tarball,
)
from ._binaries import (
    resolve_agent_version as resolve_agent_version,
)
from ._calibration import (
    nop as nop,
)
from ._calibration import (
    oracle as oracle,
)
from ._contract.options import (
    CentaurOptions as CentaurOptions,
)
from ._contract.result_specs import (
    OutputFiles as OutputFiles,
)
from ._contract.result_specs import (
    ResultSpec as ResultSpec,
)
from ._contract.result_specs import (
    RunResults as RunResults,
)
from ._errors import (
    ACPError as ACPError,
)
from ._errors import (
    AgentCrashError as AgentCrashError,
)
from ._errors import (
    AgentError as AgentError,
)
from ._errors import (
    AgentExitedError as AgentExitedError,
)
from ._errors import (
    AgentInstallError as AgentInstallError,
)
from ._errors import (
    AgentOptionError as AgentOptionError,
)
from ._errors import (
    AgentPolicyError as AgentPolicyError,
)
from ._errors import (
    AgentStartError as AgentStartError,
)
from ._errors import (
    ComparisonError as ComparisonError,
)
from ._errors import (
    DigestMismatchError as DigestMismatchError,
)
from ._errors import (
    EntryPointError as EntryPointError,
)
from ._errors import (
    ExportError as ExportError,
)
from ._errors import (
    InspectVersionError as InspectVersionError,
)
from ._errors import (
    ProviderError as ProviderError,
)
from ._errors import (
    ProviderQuotaError as ProviderQuotaError,
)
from ._errors import (
    ProviderRateLimitError as ProviderRateLimitError,
)
from ._errors import (
    RegistryError as RegistryError,
)
from ._errors import (
    RoutingError as RoutingError,
)
from ._errors import (
    SandboxDiedError as SandboxDiedError,
)
from ._errors import (
    SandboxUnsupportedError as SandboxUnsupportedError,
)
from ._errors import (
    SessionClosedError as SessionClosedError,
)
from ._errors import (
    SessionMismatchError as SessionMismatchError,
)
from ._errors import (
    SessionRestoreError as SessionRestoreError,
)
from ._errors import (
    SessionStartError as SessionStartError,
)
from ._errors import (
    SnapshotTooLargeError as SnapshotTooLargeError,
)
from ._errors import (
    SolutionError as SolutionError,
)
from ._errors import (
    ToolsMissingError as ToolsMissingError,
)
from ._errors import (
    TurnActiveError as TurnActiveError,
)
from ._errors import (
    TurnFailedError as TurnFailedError,
)
from ._errors import (
    UnknownVersionError as UnknownVersionError,
)
from ._packages.platforms import (
    SandboxPlatform as SandboxPlatform,
)
from ._provide import (
    with_agents as with_agents,
)
from ._provide import (
    with_agents_async as with_agents_async,
)
from ._results.fileset import (
    FileSet as FileSet,
)
from ._results.fileset import (
    OutputFile as OutputFile,
)
from ._results.fileset import (
    output_files as output_files,
)
from ._results.resume_samples import (
    session_samples as session_samples,
)
from ._results.session_archive import (
    SweSession as SweSession,
)
from ._runtime.best_of import (
    Candidate as Candidate,
)
from ._runtime.best_of import (
    best_of as best_of,
)
from ._runtime.checks import (
    SweResult as SweResult,
)
from ._runtime.checks import (
    result_of as result_of,
)
from ._runtime.limits import (
    idle_limit as idle_limit,
)
from ._runtime.limits import (
    repeat_limit as repeat_limit,
)
from ._sandbox.snapshot import (
    Snapshot as Snapshot,
)
from ._sandbox.snapshot import (
    snapshot as snapshot,
)
from ._scripting import (
    AgentSession as AgentSession,
)
from ._scripting import (
    BlockingSession as BlockingSession,
)
from ._scripting import (
    Reply as Reply,
)
from ._scripting import (
    open_session as open_session,
)
from ._scripting import (
    open_session_sync as open_session_sync,
)
from ._selection import (
    best_by as best_by,
)
from ._selection import (
    pick as pick,
)
from ._selection import (
    until_solved as until_solved,
)
from ._verification import (
    Judge as Judge,
)
from ._verification import (
    SweVerify as SweVerify,
)
from ._verification import (
    agent_judge as agent_judge,
)
from ._verification import (
    verified as verified,
)
from ._version import (
    __version__ as __version__,
)
from .acp import (
    ACPAgent as ACPAgent,
)
from .acp import (
    ACPAgentParams as ACPAgentParams,
)
from .acp import (
    acp_connection as acp_connection,
)
from .acp import (
    bridge_mcp_to_acp as bridge_mcp_to_acp,
)
from .acp import (
    interactive_claude_code as interactive_claude_code,
)
from .acp import (
    interactive_codex_cli as interactive_codex_cli,
)
from .acp import (
    interactive_copilot_cli as interactive_copilot_cli,
)
from .acp import (
    interactive_gemini_cli as interactive_gemini_cli,
)
from .acp import (
    interactive_kimi_code as interactive_kimi_code,
)
from .acp import (
    interactive_opencode as interactive_opencode,
)

__all__: list[str]
