"""What the tests of the bridge share."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def collected() -> Iterator[None]:
    """A provider's client that is collected while another test's event loop runs would be closed there, and fail."""
    yield
    gc.collect()
