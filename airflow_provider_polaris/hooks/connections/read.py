# SPDX-License-Identifier: Apache-2.0
"""Read an Airflow connection and validate it before any request is sent. Its type decides which service it is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from airflow_provider_polaris.hooks.connections.druid import read_druid
from airflow_provider_polaris.hooks.connections.polaris import read_polaris

if TYPE_CHECKING:
    from airflow_provider_polaris.hooks.connections.settings import ConnectionSettings
    from airflow_provider_polaris.runtime.compat import Connection

#: Functions that read a connection, by its type. A connection of any other type is for Polaris.
_READERS: Final[dict[str | None, Callable[[Connection, str], ConnectionSettings]]] = {"apache_druid": read_druid}


def read_connection(connection: Connection, connection_id: str) -> ConnectionSettings:
    """
    Return the settings of a connection and mask its secrets in the log.

    :param connection: The Airflow connection.
    :param connection_id: Id for messages.
    :raises PolarisSpecError: A field is missing or malformed. The message names the connection, the field and the fix.
        The settings of the client validate the fields that the client needs (host, credentials).
    """
    return _READERS.get(connection.conn_type, read_polaris)(connection, connection_id)
