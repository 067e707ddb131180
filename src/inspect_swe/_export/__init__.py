"""What logs have, in formats that other programs read. Reads logs only, so it works for failed and old runs too."""

from ._export import KINDS, Exported, Kind, export

__all__ = ["KINDS", "Exported", "Kind", "export"]
