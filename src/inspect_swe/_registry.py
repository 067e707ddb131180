"""The module that Inspect loads to register the package's agents and other objects: importing theirs does it."""

from . import _agents, _calibration, _selection, _verification, acp
from .testing import _provider

__all__ = ["_agents", "_calibration", "_provider", "_selection", "_verification", "acp"]
