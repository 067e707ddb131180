"""Which bridge is used."""

from __future__ import annotations

import asyncio
import sys

import pytest

import inspect_swe._inspect_handlers as handlers
from inspect_swe._runtime import link
from inspect_swe._runtime.adapter import Route


def test_our_own_bridge() -> None:
    assert asyncio.run(link.choose_link(Route(dialect="anthropic"))) is link.own_link
    assert asyncio.run(link.choose_link(Route())) is link.own_link


def test_a_release_that_has_moved_what_all_agents_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "BRIDGE_AVAILABLE", False)
    assert asyncio.run(link.choose_link(Route())) is link.inspect_link


def test_a_release_that_has_moved_what_a_dialect_needs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(handlers, "_loaded", {})
    monkeypatch.setitem(sys.modules, "inspect_swe._inspect_handlers.google", None)
    assert asyncio.run(link.choose_link(Route(dialect="anthropic"))) is link.own_link
    assert asyncio.run(link.choose_link(Route(dialect="google"))) is link.inspect_link
    assert "slower bridge" in caplog.text
