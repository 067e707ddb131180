"""Fake model providers that speak the vendors' wire formats."""

from ._server import WIRES, FakeProvider, recorded_request
from ._wire import Wire

__all__ = ["WIRES", "FakeProvider", "Wire", "recorded_request"]
