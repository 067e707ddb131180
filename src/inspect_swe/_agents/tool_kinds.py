"""Agent descriptions, for other agents, and tool kinds, for approval policies."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from textwrap import dedent
from typing import cast, get_args

from .._contract.adapter import ToolKind
from .._errors import AgentOptionError, EntryPointError, closest
from .plugins import all_plugins, plugin_agent, plugin_names

logger = logging.getLogger(__name__)

CODING_AGENT = dedent("""
   Autonomous coding agent capable of writing, testing, debugging,
   and iterating on code across multiple languages.
""")
OPENCODE = dedent("""
   Open-source autonomous coding agent for the terminal, capable
   of writing, testing, debugging, and iterating on code across
   multiple languages.
""")
ANTIGRAVITY = dedent("""
   Google's Antigravity coding agent: reads, writes and tests code, runs
   commands, searches the web, and plans with sub-agents.
""")
KIMI_CODE = dedent("""
   Moonshot AI's coding agent for the terminal: edits code, runs
   commands, searches files, and goes on from what comes of it.
""")
MINI_SWE_AGENT = dedent("""
   Minimal AI agent that solves software engineering tasks using bash commands.
   100 lines of Python, radically simple, scores >74% on SWE-bench verified.
""")

PI = dedent("""
   Minimal coding agent for the terminal: it reads, writes and edits
   files and runs commands, and is extended by tools and skills.
""")


def _kinds(**names: str) -> dict[str, ToolKind]:
    """Convert tools by kind to kinds by tool."""
    return {name: cast(ToolKind, kind) for kind, listed in names.items() for name in listed.split()}


# Reading a background command's output is "read"; feeding or ending one, or running other tools unseen, is "execute".
# Sub-agents, plans and goals are "think", all else is "other". Names of other versions of a CLI do no harm.
TOOLS: Mapping[str, Mapping[str, ToolKind]] = {
    "antigravity": _kinds(
        read="list_resources read_resource view_content_chunk view_file",
        edit="multi_replace_file_content replace_file_content write_to_file",
        search="find_by_name grep_search list_dir",
        execute="manage_task run_command run_workflow",
        think="define_subagent invoke_subagent manage_subagents send_message",
        fetch="read_url_content search_web",
        other="ask_question finish generate_image schedule skill_lookup",
    ),
    "claude_code": _kinds(
        read="Read BashOutput TaskOutput ListMcpResourcesTool ReadMcpResourceTool",
        edit="Edit MultiEdit NotebookEdit Write",
        delete="ExitWorktree",
        search="Glob Grep LS LSP ToolSearch",
        execute="Bash KillShell Monitor REPL TaskStop Workflow",
        think="Agent ListAgents SendMessage Task TaskCreate TaskGet TaskList TaskUpdate TodoWrite",
        fetch="WebFetch WebSearch web_search",
        other="AskUserQuestion CronCreate CronDelete CronList EnterPlanMode EnterWorktree ExitPlanMode ReportFindings "
        "ScheduleWakeup Skill StructuredOutput",
    ),
    "codex_cli": _kinds(
        read="list_mcp_resource_templates list_mcp_resources read_mcp_resource view_image",
        edit="apply_patch",
        search="tool_search",
        execute="exec exec_command local_shell shell shell_command wait write_stdin",
        think="close_agent create_goal followup_task get_goal interrupt_agent list_agents resume_agent send_input "
        "send_message spawn_agent update_goal update_plan wait_agent",
        fetch="web_search",
        other="curr_time get_context_remaining new_context request_permissions request_user_input "
        "request_user_input_async sleep",
    ),
    "copilot_cli": _kinds(
        read="fetch_copilot_cli_documentation list_bash read_bash view",
        edit="apply_patch create edit store_memory vote_memory",
        search="glob grep rg semantic_code_search session_store_sql tool_search tool_search_tool",
        execute="bash stop_bash write_bash",
        think="list_agents read_agent report_intent sql task update_todo write_agent",
        fetch="web_fetch web_search",
        other="ask_user exit_plan_mode manage_schedule open_canvas skill task_complete",
    ),
    "gemini_cli": _kinds(
        read="get_internal_docs list_background_processes list_mcp_resources read_background_output read_file "
        "read_many_files read_mcp_resource",
        edit="replace save_memory write_file",
        search="glob grep_search list_directory search_file_content",
        execute="run_shell_command",
        think="cli_help codebase_investigator invoke_agent tracker_add_dependency tracker_create_task tracker_get_task "
        "tracker_list_tasks tracker_update_task tracker_visualize update_topic write_todos",
        fetch="google_web_search web_fetch web_search",
        other="activate_skill ask_user complete_task enter_plan_mode exit_plan_mode",
    ),
    "kimi_code": _kinds(
        read="Read ReadMediaFile TaskOutput",
        edit="Edit TowerMerge Write",
        delete="TowerTeardown",
        search="Glob Grep select_tools",
        execute="Bash TaskStop",
        think="Agent AgentSwarm CreateGoal GetGoal SetGoalBudget TaskList TodoList TowerFinding TowerInbox TowerInit "
        "TowerMission TowerPlan TowerReview TowerSend TowerSpawn TowerStatus UpdateGoal",
        fetch="FetchURL WebSearch",
        other="AskUserQuestion CronCreate CronDelete CronList EnterPlanMode ExitPlanMode NotifyUser Skill WaitFor",
    ),
    "mini_swe_agent": _kinds(execute="bash"),
    "opencode": _kinds(
        read="read",
        edit="apply_patch edit multiedit patch write",
        search="glob grep list lsp",
        execute="bash batch",
        think="task todoread todowrite",
        fetch="codesearch webfetch websearch",
        other="invalid plan_enter plan_exit question skill",
    ),
    "pi": _kinds(
        read="list_mcp_resource_templates list_mcp_resources read read_mcp_resource",
        edit="edit write",
        search="find grep ls tool_search",
        execute="bash codemode powershell",
    ),
    "qwen_code": _kinds(
        read="display_image read_file read_mcp_resource zoom_image",
        edit="edit notebook_edit save_memory write_file",
        delete="exit_worktree",
        search="glob grep_search list_directory lsp tool_search",
        execute="exec monitor run_shell_command task_stop tool_call workflow",
        think="agent create_sub_session get_goal list_agents propose_goal request_shutdown send_message task_create "
        "task_list task_update team_create team_delete team_plan_approval todo_write update_goal",
        fetch="web_fetch web_search",
        other="artifact ask_user_question cron_create cron_delete cron_list enter_plan_mode enter_worktree "
        "exit_plan_mode image_gen loop_wakeup record_artifact record_source report_findings skill structured_output",
    ),
}
"""The kinds of the CLIs' own tools, by the names that models see."""


def cli_tools(*kinds: ToolKind, agent: str | None = None) -> list[str]:
    """Return approval policy patterns for the CLIs' own tools of certain kinds, whatever each CLI calls them.

    Tools of MCP servers and host tools are not included. Agents that other packages register by an entry point are
    included; one that cannot be loaded is left out with a warning.

    Args:
        *kinds: Kinds of the Agent Client Protocol: "read", "edit", "delete", "move", "search", "execute", "think",
            "fetch" or "other". Defaults to all kinds.
        agent: Name of an agent such as "claude_code", or of its interactive form. Defaults to all agents.

    Returns:
        Patterns such as "Bash(*", which match a tool with any arguments.

    Raises:
        AgentOptionError: The kind or agent does not exist.
        EntryPointError: The named agent of another package cannot be used.
    """
    unknown = set(kinds) - set(get_args(ToolKind))
    if unknown:
        raise AgentOptionError(f"There is no kind of tools {sorted(unknown)[0]!r}: {', '.join(get_args(ToolKind))}.")
    chosen = [*TOOLS.values(), *_announced_tools()] if agent is None else [_tools_of(agent)]
    wanted = kinds or get_args(ToolKind)
    # The parenthesis ends the name: without it, "edit" would also match "edit_anything".
    return sorted({f"{name}(*" for tools in chosen for name, kind in tools.items() if kind in wanted})


def _tools_of(agent: str) -> Mapping[str, ToolKind]:
    key = agent.removeprefix("interactive_")
    if key in TOOLS:
        return TOOLS[key]
    if agent in (others := plugin_names()):
        return plugin_agent(agent).adapter.tools
    near = closest(agent, [*TOOLS, *others])
    raise AgentOptionError(
        f"There is no agent {agent!r}. Known are: {', '.join([*TOOLS, *others])}.",
        hint=f'did you mean "{near}"?' if near else None,
    )


def _announced_tools() -> Iterator[Mapping[str, ToolKind]]:
    for found in all_plugins():
        if isinstance(found, EntryPointError):
            logger.warning("%s Its tools are not known.", found.summary)
        else:
            yield found.adapter.tools
