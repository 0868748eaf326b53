# SPDX-License-Identifier: Apache-2.0
"""Convert exceptions of the SQL translation and of DuckDB to job faults with Polaris' codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from airflow_provider_polaris.emulator.engine.model import JobFault, TableError
from airflow_provider_polaris.emulator.sql import SqlInvalid, SqlNotSupported

NOT_PLANNED = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.InternalException,
    duckdb.ParserException,
    duckdb.TypeMismatchException,
)


@contextmanager
def as_job_faults(where: str) -> Iterator[None]:
    """
    Convert exceptions of the translation and of DuckDB to :class:`JobFault`.

    DOCUMENTED https://docs.imply.io/polaris/ingestion-status-reference: ``query_not_supported``, ``internal_error``.
    GUESS for the choice: an error while planning is ``query_not_supported``, an error while running is
    ``internal_error``.

    :param where: The current step, for the message: ``mapping of column 'city'``.
    """
    try:
        yield
    except (SqlNotSupported, SqlInvalid) as error:
        raise JobFault("query_not_supported", f"{where}: {_sentence(error.message)}") from error
    except TableError as error:
        code = "column_name_restricted" if error.reason == "restricted_column" else "internal_error"
        raise JobFault(code, f"{where}: {_sentence(error.message)}") from error
    except NOT_PLANNED as error:
        raise JobFault("query_not_supported", f"{where}: {duckdb_reason(error)}") from error
    except duckdb.Error as error:
        raise JobFault("internal_error", f"{where}: {duckdb_reason(error)}") from error


def duckdb_reason(error: duckdb.Error) -> str:
    """
    Return the first line of DuckDB's message.

    A value beyond DuckDB's range is named as not supported: Druid wraps around a long, and has other limits of time.
    """
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, (duckdb.OutOfRangeException, duckdb.ConversionException)):
        reason = f"a value beyond the emulator's range is not supported: {reason}"
    return _sentence(reason)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
