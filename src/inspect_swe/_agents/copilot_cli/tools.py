"""Tools of Copilot CLI."""

from ..tool_kinds import tool_kinds

TOOLS = tool_kinds(
    read="fetch_copilot_cli_documentation list_bash read_bash view",
    edit="apply_patch create edit store_memory vote_memory",
    search="glob grep rg semantic_code_search session_store_sql tool_search tool_search_tool",
    execute="bash stop_bash write_bash",
    think="list_agents read_agent report_intent sql task update_todo write_agent",
    fetch="web_fetch web_search",
    other="ask_user exit_plan_mode manage_schedule open_canvas skill task_complete",
)
