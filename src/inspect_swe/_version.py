"""The version of the package, as its distribution declares it."""

from importlib.metadata import version

__version__ = version("inspect_swe")
