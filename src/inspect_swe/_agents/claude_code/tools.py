"""Tools of Claude Code."""

from ..tool_kinds import tool_kinds

TOOLS = tool_kinds(
    read="Read BashOutput TaskOutput ListMcpResourcesTool ReadMcpResourceTool",
    edit="Edit MultiEdit NotebookEdit Write",
    delete="ExitWorktree",
    search="Glob Grep LS LSP ToolSearch",
    execute="Bash KillShell Monitor REPL TaskStop Workflow",
    think="Agent ListAgents SendMessage Task TaskCreate TaskGet TaskList TaskUpdate TodoWrite",
    fetch="WebFetch WebSearch web_search",
    other="AskUserQuestion CronCreate CronDelete CronList EnterPlanMode EnterWorktree ExitPlanMode ReportFindings "
    "ScheduleWakeup Skill StructuredOutput",
)
