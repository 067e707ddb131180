"""Tools of Kimi Code."""

from ..tool_kinds import tool_kinds

TOOLS = tool_kinds(
    read="Read ReadMediaFile TaskOutput",
    edit="Edit TowerMerge Write",
    delete="TowerTeardown",
    search="Glob Grep select_tools",
    execute="Bash TaskStop",
    think="Agent AgentSwarm CreateGoal GetGoal SetGoalBudget TaskList TodoList TowerFinding TowerInbox TowerInit "
    "TowerMission TowerPlan TowerReview TowerSend TowerSpawn TowerStatus UpdateGoal",
    fetch="FetchURL WebSearch",
    other="AskUserQuestion CronCreate CronDelete CronList EnterPlanMode ExitPlanMode NotifyUser Skill WaitFor",
)
