# SPDX-License-Identifier: Apache-2.0
"""All operators, sensors and task groups of the package, found by introspection, and instances to render."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from airflow.providers.common.compat.sdk import DAG

import airflow_provider_polaris
from airflow_provider_polaris.runtime.compat import BaseOperator, TaskGroup

#: Arguments that must be more than text, so that the classes can be instantiated.
_REQUIRED = {"copy_arguments": {}, "job_arguments": {}}


#: Modules without a class that gets users' texts; ``approve`` can be imported in Airflow 3.1 and newer only.
_OTHERS = ("__main__", "age_out.approve")


def _classes(base: type) -> list[type]:
    found = set()
    for module in pkgutil.walk_packages(airflow_provider_polaris.__path__, "airflow_provider_polaris."):
        if module.name.startswith("airflow_provider_polaris.emulator") or module.name.endswith(_OTHERS):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            is_ours = inspect.isclass(value) and value.__module__.startswith("airflow_provider_polaris.")
            if is_ours and issubclass(value, base) and not inspect.isabstract(value):
                found.add(value)
    return sorted(found, key=lambda each: each.__name__)


OPERATORS: list[Any] = _classes(BaseOperator)
GROUPS: list[Any] = _classes(TaskGroup)


def parameters(cls: type) -> Iterator[inspect.Parameter]:
    """Yield the arguments of a class, without Airflow's own."""
    for each in cls.__mro__:
        if each.__module__.startswith("airflow_provider_polaris.") and "__init__" in vars(each):
            for parameter in inspect.signature(each.__init__).parameters.values():
                if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                    yield parameter


def required(cls: type) -> dict[str, Any]:
    """Return arguments with which an instance can be created."""
    names = [each.name for each in parameters(cls) if each.default is inspect.Parameter.empty]
    return {name: _REQUIRED.get(name, "x") for name in names}


def dag(*, native: bool, **arguments: Any) -> Any:
    """Return a DAG with or without native rendering."""
    start = datetime(2024, 6, 1, tzinfo=timezone.utc)
    return DAG("koalas", schedule=None, start_date=start, render_template_as_native_obj=native, **arguments)


def make(cls: type, /, *, native: bool, dag_arguments: Any = None, **arguments: Any) -> Any:
    """Return an operator in its own DAG."""
    with dag(native=native, **(dag_arguments or {})):
        return cls(**{"task_id": "task", **required(cls), **arguments})


def render(cls: type, context: Any = None, /, *, native: bool, **arguments: Any) -> Any:
    """Return a rendered operator."""
    operator = make(cls, native=native, **arguments)
    operator.render_template_fields({} if context is None else context)
    return operator
