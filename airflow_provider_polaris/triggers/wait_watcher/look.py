# SPDX-License-Identifier: Apache-2.0
"""Look once whether queries have ended, or whether a table is available. Blocks; uses neither asyncio nor Airflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_polaris.jobs.errors import PolarisError, PolarisNotFoundError
from airflow_provider_polaris.jobs.shortening import shorten_error
from airflow_provider_polaris.jobs.tables.storage_policy import TableStorage
from airflow_provider_polaris.triggers.job_watcher.single_status import unexpected_error

if TYPE_CHECKING:
    from airflow_provider_polaris.client.service import IngestionService

#: A query by its id, or a table by its name.
Subject = tuple[Literal["queries", "table"], str]

_ACTIVE: Final = frozenset({"ACCEPTED", "RUNNING"})


def look(client: IngestionService, subjects: Sequence[Subject]) -> list[bool | PolarisError]:
    """
    Return for each subject whether the wait for it is over, or why that is unknown. One request for each.

    :param client: Client for the requests.
    :param subjects: Queries and tables.
    """
    return [_look(client, *subject) for subject in subjects]


def _look(client: IngestionService, kind: str, name: str) -> bool | PolarisError:
    try:
        if kind == "queries":
            # The worker decides what any other state means.
            return str(client.get_query(name).get("state")).upper() not in _ACTIVE
        return TableStorage.from_wire(client.get_table(name)).availability != "unavailable"
    except PolarisNotFoundError:
        return True
    except PolarisError as error:
        return shorten_error(error)
    except Exception as error:
        return unexpected_error(f"the answer about {name!r} can't be read", error)
