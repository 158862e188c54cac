"""Packages that only training needs: imported where they are used, with a sentence if missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from convariant.errors import MissingDependencyError


def optional(module: str, purpose: str) -> ModuleType:
    """Import `module`, or say which command installs it.

    Raises: MissingDependencyError.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # the package is there and broken in itself
        raise MissingDependencyError(
            {"PIL": "pillow"}.get(package, package), purpose, extra="train"
        ) from None
