"""The agents of this package and of others."""

from .approval_patterns import cli_tools
from .plugins import PluginAgent, all_plugins, plugin_agent, plugin_names
from .roster import ROSTER

__all__ = ["ROSTER", "PluginAgent", "all_plugins", "cli_tools", "plugin_agent", "plugin_names"]
