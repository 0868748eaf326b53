# SPDX-License-Identifier: Apache-2.0
"""
The Python database API 2.0 (PEP 249) over a client, for queries; needs no Airflow.

.. code-block:: python

    with connect(ClientSettings.from_host(...)) as connection, connection.cursor() as cursor:
        cursor.execute('SELECT "city", COUNT(*) FROM "koalas" WHERE "__time" >= ? GROUP BY 1', [start])
        for city, sessions in cursor: ...
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from airflow_provider_polaris.client.dbapi.connection import Connection, QueryService
from airflow_provider_polaris.client.dbapi.cursor import Cursor
from airflow_provider_polaris.client.dbapi.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,  # noqa: A004  # the name that PEP 249 requires
)
from airflow_provider_polaris.client.dbapi.types import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
)

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ServiceSettings

apilevel: Final = "2.0"
#: Threads may share the module, but not a connection.
threadsafety: Final = 1
paramstyle: Final = "qmark"

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "QueryService",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]


def connect(settings: ServiceSettings, *, context: Mapping[str, Any] | None = None) -> Connection:
    """
    Return a connection; makes no request.

    :param settings: Address, credentials and time limits of the service.
    :param context: Context of all queries, such as ``{"sqlTimeZone": "Europe/Berlin"}``.
    """
    from airflow_provider_polaris.client import connect as connect_client

    return Connection(cast("QueryService", connect_client(settings)), context=context)
