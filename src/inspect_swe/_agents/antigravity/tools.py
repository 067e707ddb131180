"""Tools of Antigravity."""

from ..tool_kinds import tool_kinds

TOOLS = tool_kinds(
    read="list_resources read_resource view_content_chunk view_file",
    edit="multi_replace_file_content replace_file_content write_to_file",
    search="find_by_name grep_search list_dir",
    execute="manage_task run_command run_workflow",
    think="define_subagent invoke_subagent manage_subagents send_message",
    fetch="read_url_content search_web",
    other="ask_question finish generate_image schedule skill_lookup",
)
