# SPDX-License-Identifier: Apache-2.0
"""Names under the paths that the documentation of release 0.1.0 gave them; they go with release 0.4."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any


def moved(module: str, **places: str) -> Callable[[str], Any]:
    """
    Return a ``__getattr__`` for a module that only has moved names.

    It warns with a ``DeprecationWarning`` in the name of the code that asks, and returns the object at its new place.

    :param module: Name of the module.
    :param places: Name of the module that has it now, for each moved name.
    """

    def find(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        text = f"{module}.{name} has moved: import it from {places[name]}. The old path goes with release 0.4."
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        return getattr(import_module(places[name]), name)

    return find
