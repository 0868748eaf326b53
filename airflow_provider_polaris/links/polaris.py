# SPDX-License-Identifier: Apache-2.0
"""
Links on a task's page to its job and its table.

Airflow 3 reads the URL from the XCom named by ``xcom_key`` and doesn't run this code in its API server. At the end of
each process of a task, its task runner calls :meth:`get_link` and stores the result under the same key. The tasks of
this package push the URL themselves, so they :func:`withdraw_links`. Airflow 2 calls :meth:`get_link` each time the
task's page is opened.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_polaris.runtime.compat import BaseOperator, BaseOperatorLink, read_xcom

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.compat import TaskInstanceKey

log = logging.getLogger(__name__)


class _XComLink(BaseOperatorLink):
    """A link whose URL the task pushed to XCom."""

    #: The key is stored and read by users' code: never rename it.
    key: ClassVar[str]

    @property
    def xcom_key(self) -> str:
        """Key of the XCom that holds the URL."""
        return self.key

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """
        Return the URL that the task pushed; empty if there is none (nothing submitted, or not yet).

        :param operator: The task.
        :param ti_key: The task instance.
        """
        try:
            url = read_xcom(ti_key, self.key)
        except Exception as error:
            # A link is a convenience: neither a page nor a task may fail because of it.
            log.warning("Link %r has no URL: XCom %r can't be read: %r.", self.name, self.key, error)
            return ""
        return url if isinstance(url, str) else ""


class PolarisJobLink(_XComLink):
    """Link to the job that the task submitted or waits for (XCom ``polaris_job_url``)."""

    name = "Polaris Job"
    key = "polaris_job_url"


class PolarisTableLink(_XComLink):
    """Link to the table that the task writes (XCom ``polaris_table_url``)."""

    name = "Polaris Table"
    key = "polaris_table_url"


def withdraw_links(operator: Any) -> None:
    """
    Take this package's links from a task that runs, because it pushes their URLs itself.

    Otherwise Airflow 3 reads and stores each of them again at the end of each process of the task. For a deferrable
    task these are eight requests to its API server, and errors in the log if there is no job (OBSERVED on 3.3.2).

    :param operator: The task in its worker. Its page has the links nevertheless: they are part of the parsed DAG.
    """
    operator.operator_extra_links = tuple(
        link for link in operator.operator_extra_links if not isinstance(link, _XComLink)
    )
