# SPDX-License-Identifier: Apache-2.0
"""Parse the argument ``checks``; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.sql.single_expression import check_confined, check_expression
from airflow_provider_polaris.jobs.time.instant import quote
from airflow_provider_polaris.runtime.arguments import as_mapping, as_text, is_none

#: The key of Airflow's ``SQLTableCheckOperator``.
_STATEMENT: Final = "check_statement"
_TEMPLATE: Final = ("{{", "{%", "{#")


def read_checks(value: Any) -> dict[str, str]:
    """
    Parse the rendered argument.

    >>> read_checks({"rows": "COUNT(*) > 0", "low": {"check_statement": 'MIN("n") >= 0'}})
    {'rows': 'COUNT(*) > 0', 'low': 'MIN("n") >= 0'}

    :param value: A mapping of names to conditions, its JSON text, or None.
    :return: Condition by name; empty if there are no checks.
    :raises PolarisSpecError: The value is no such mapping, or a condition is not one SQL expression.
    """
    checks = _conditions({} if is_none(value) else as_mapping(value, "checks") or {})
    for name, condition in checks.items():
        check_expression(condition, _field(name))
    return checks


def refuse_malformed(value: Any) -> None:
    """
    Refuse a literal value that no task could use, while the DAG is parsed. Templates are left to the task.

    :param value: The argument as the DAG gives it.
    :raises PolarisSpecError: As :func:`read_checks`, except for errors that only a parser of SQL finds, which is slow
        to load.
    """
    if not isinstance(value, Mapping):
        return
    literal = {name: one for name, one in value.items() if not _has_template(name) and not _has_template(one)}
    for name, condition in _conditions(literal).items():
        check_confined(condition, _field(name))


def _conditions(value: Mapping[Any, Any]) -> dict[str, str]:
    return {as_text(name, "the name of a check"): _condition(str(name), one) for name, one in value.items()}


def _condition(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        unknown = sorted(map(str, set(value) - {_STATEMENT}))
        if unknown or not value:
            raise PolarisSpecError(
                f"{_field(name)} is {quote(value)}. Write a condition, such as 'MIN(\"bytes\") >= 0', or "
                f"{{{_STATEMENT!r}: condition}}; for a part of the rows: COUNT(*) FILTER (WHERE ...) = 0."
            )
        value = value[_STATEMENT]
    return as_text(value, _field(name))


def _field(name: str) -> str:
    return f"checks[{name!r}]"


def _has_template(value: Any) -> bool:
    """Whether a value may change when it is rendered: a template, or an object that Airflow resolves."""
    if isinstance(value, str):
        return any(mark in value for mark in _TEMPLATE)
    if isinstance(value, Mapping):
        return any(map(_has_template, value.values()))
    return not (value is None or isinstance(value, (bool, int, float, list)))
