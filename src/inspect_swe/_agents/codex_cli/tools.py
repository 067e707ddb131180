"""Tools of Codex CLI."""

from ..tool_kinds import tool_kinds

TOOLS = tool_kinds(
    read="list_mcp_resource_templates list_mcp_resources read_mcp_resource view_image",
    edit="apply_patch",
    search="tool_search",
    execute="exec exec_command local_shell shell shell_command wait write_stdin",
    think="close_agent create_goal followup_task get_goal interrupt_agent list_agents resume_agent send_input "
    "send_message spawn_agent update_goal update_plan wait_agent",
    fetch="web_search",
    other="curr_time get_context_remaining new_context request_permissions request_user_input "
    "request_user_input_async sleep",
)
