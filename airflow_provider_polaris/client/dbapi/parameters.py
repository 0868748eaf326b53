# SPDX-License-Identifier: Apache-2.0
"""
Convert Python values to the parameters of a query, which the service receives beside the SQL. Performs no I/O.

Source: druid.apache.org/docs/latest/api-reference/sql-api (``parameters``), OBSERVED(Druid 27) and OBSERVED(Druid 33).
Whatever Druid would change without an error is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from airflow_provider_polaris.client.dbapi.errors import DataError, ProgrammingError
from airflow_provider_polaris.client.http.calls import instant_text
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.time.instant import as_utc, quote

_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1
_TAKEN: Final = "None, str, bool, int, float, Decimal, an aware datetime or a date"


def wire_parameters(values: Any) -> list[dict[str, Any]]:
    """
    Return the parameters in the form of the SQL API.

    :param values: A list or tuple with a value for each ``?``.
    :raises ProgrammingError: It is something else.
    :raises DataError: A value can't be a parameter.
    """
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Sequence):
        raise ProgrammingError(
            f"the parameters are of type {type(values).__name__!r}: a list or tuple is needed, with one value for each "
            "? of the statement. Names such as :city or %(city)s are not supported."
        )
    return [
        dict(zip(("type", "value"), _typed(value, f"parameter {number}"), strict=True))
        for number, value in enumerate(values, 1)
    ]


def _typed(value: Any, where: str) -> tuple[str, Any]:
    if value is None or isinstance(value, str):
        return "VARCHAR", value
    if isinstance(value, bool):
        return "BOOLEAN", value
    if isinstance(value, int):
        if not _SMALLEST <= value <= _LARGEST:
            raise DataError(f"{where} is {quote(value)}, which does not fit into BIGINT, the 64 bits of Druid.")
        return "BIGINT", int(value)
    if isinstance(value, (float, Decimal)):
        number = float(value)
        if not math.isfinite(number):
            raise DataError(f"{where} is {value}: the service accepts finite numbers only.")
        return "DOUBLE", number
    if isinstance(value, datetime):
        return "TIMESTAMP", _instant(value, where)
    if isinstance(value, date):
        # Druid has no parameters of type DATE; a date is compared as its midnight in UTC.
        return "TIMESTAMP", f"{value.isoformat()}T00:00:00.000Z"
    raise DataError(f"{where} is of type {type(value).__name__!r}. A parameter can be {_TAKEN}.")


def _instant(value: datetime, where: str) -> str:
    try:
        moment = as_utc(value)
    except PolarisSpecError as error:
        raise DataError(f"{where} can't be sent: {error}") from error
    if moment.microsecond:
        # OBSERVED(Druid 27): the fraction is cut off, so that a condition finds other rows.
        raise DataError(
            f"{where} is {value.isoformat()!r}, and some versions of Druid cut off the fraction of a second. Drop it, "
            "or pass the milliseconds since 1970 as a number and write MILLIS_TO_TIMESTAMP(?)."
        )
    return instant_text(moment)
