"""Tools of Gemini CLI."""

from ..tool_kinds import tool_kinds

TOOLS = tool_kinds(
    read="get_internal_docs list_background_processes list_mcp_resources read_background_output read_file "
    "read_many_files read_mcp_resource",
    edit="replace save_memory write_file",
    search="glob grep_search list_directory search_file_content",
    execute="run_shell_command",
    think="cli_help codebase_investigator invoke_agent tracker_add_dependency tracker_create_task tracker_get_task "
    "tracker_list_tasks tracker_update_task tracker_visualize update_topic write_todos",
    fetch="google_web_search web_fetch web_search",
    other="activate_skill ask_user complete_task enter_plan_mode exit_plan_mode",
)
