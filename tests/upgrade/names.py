# SPDX-License-Identifier: Apache-2.0
"""The public names of the package: classes with their arguments and methods, functions with their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

PACKAGE = "airflow_provider_polaris"
#: Modules from which users import.
MODULES = (
    "assets",
    "client",
    "hooks.druid",
    "hooks.polaris",
    "hooks.sql",
    "jobs",
    "jobs.errors",
    "links.polaris",
    "operators.polaris",
    "retry_policies",
    "sensors.polaris",
    "task_groups.polaris",
    "triggers.polaris",
)


def names() -> list[str]:
    """Return each name: ``module:Class``, ``module:Class(argument``, ``module:Class.method``, ``…method(argument``."""
    return sorted(
        {f"{module}:{name}" for module in MODULES for name in _of_module(import_module(f"{PACKAGE}.{module}"))}
    )


def _of_module(module: Any) -> Iterator[str]:
    public = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    for name in public:
        value = getattr(module, name)
        yield name
        if inspect.isclass(value):
            yield from _of_class(name, value)
        elif callable(value):
            yield from _arguments(name, value)


def _of_class(name: str, value: Any) -> Iterator[str]:
    yield from _arguments(name, value)
    for base in value.__mro__:
        if base.__module__.startswith(PACKAGE):
            for member, raw in vars(base).items():
                if not member.startswith("_"):
                    yield f"{name}.{member}"
                    if inspect.isroutine(raw) or isinstance(raw, (staticmethod, classmethod)):
                        yield from _arguments(f"{name}.{member}", getattr(value, member))


def _arguments(name: str, value: Any) -> Iterator[str]:
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return
    for each in signature.parameters.values():
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY) and each.name != "self":
            yield f"{name}({each.name}"
