"""Tools of pi."""

from ..tool_kinds import tool_kinds

TOOLS = tool_kinds(
    read="list_mcp_resource_templates list_mcp_resources read read_mcp_resource",
    edit="edit write",
    search="find grep ls tool_search",
    execute="bash codemode powershell",
)
