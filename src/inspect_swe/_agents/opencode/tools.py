"""Tools of OpenCode."""

from ..tool_kinds import tool_kinds

TOOLS = tool_kinds(
    read="read",
    edit="apply_patch edit multiedit patch write",
    search="glob grep list lsp",
    execute="bash batch",
    think="task todoread todowrite",
    fetch="codesearch webfetch websearch",
    other="invalid plan_enter plan_exit question skill",
)
