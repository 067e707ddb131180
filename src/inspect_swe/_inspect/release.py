"""Warnings and errors if the installed inspect_ai lacks a private name that we import."""

from __future__ import annotations

import functools
import logging
from importlib.metadata import version

from .._errors import InspectVersionError

logger = logging.getLogger(__name__)


@functools.cache
def installed() -> str:
    """Return the version of the installed inspect_ai."""
    return version("inspect_ai")


@functools.cache
def warn_absent(consequence: str) -> None:
    """Log the consequence of an absent private name, once."""
    logger.warning("inspect_ai %s changed internals that inspect_swe uses: %s.", installed(), consequence)


def absent_error(feature: str, ex: ImportError) -> InspectVersionError:
    """Return the error for a feature that cannot work without a private name.

    Args:
        feature: The feature that doesn't work, as the subject of a sentence.
        ex: The error that names the absent module or name.
    """
    return InspectVersionError(
        f"{feature} does not work with inspect_ai {installed()}: {ex}.",
        hint="install a version of inspect_ai that this version of inspect_swe supports, or upgrade inspect_swe.",
    )
