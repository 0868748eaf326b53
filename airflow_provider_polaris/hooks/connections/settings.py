# SPDX-License-Identifier: Apache-2.0
"""What is read from a connection, whatever its type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from airflow_provider_polaris.client import ServiceSettings
    from airflow_provider_polaris.hooks.connections.console_urls import ConsoleUrls

#: Tests a connection of one type. It takes the client of that type, and a function that returns whether the time is
#: over. It returns whether jobs can be managed, and a text for the user.
ServiceCheck: TypeAlias = "Callable[[Any, Callable[[], bool]], tuple[bool, str]]"


@dataclass(frozen=True)
class ConnectionSettings:
    """
    The settings of a connection.

    :param client: Settings of the client.
    :param console: URLs of the pages of jobs and tables.
    :param submit_marker: Whether submitted jobs get a marker.
    :param check: Tests the connection.
    """

    client: ServiceSettings
    console: ConsoleUrls
    submit_marker: Literal["auto", "off"]
    check: ServiceCheck
