"""Tools of Qwen Code."""

from ..tool_kinds import tool_kinds

TOOLS = tool_kinds(
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
)
