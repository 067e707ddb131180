"""Log exports in formats of other programs. They need only the log, so they work for failed and old runs, too."""

from ._export import KINDS, Exported, Kind, export

__all__ = ["KINDS", "Exported", "Kind", "export"]
