"""
Buttons on a task's page that lead to its job and its table; knows neither hooks nor operators.

Airflow 3 takes the URL from the XCom named by ``xcom_key`` and runs none of this code in its API server; its task
runner asks :meth:`get_link` when a task ends and stores the answer under the same key, so the answer must be what the
task pushed. Airflow 2 asks :meth:`get_link` each time somebody looks at the task.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_polaris.runtime.compat import BaseOperator, BaseOperatorLink, read_xcom

if TYPE_CHECKING:
    from airflow_provider_polaris.runtime.compat import TaskInstanceKey

log = logging.getLogger(__name__)


class _XComLink(BaseOperatorLink):
    """A link whose URL the task pushed to XCom."""

    #: Stored data and read by users' own code: never rename.
    key: ClassVar[str]

    @property
    def xcom_key(self) -> str:
        """Key of the XCom that holds the URL."""
        return self.key

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """
        Return the URL that the task pushed; empty if it pushed none (it submitted nothing, or not yet).

        :param operator: The task. One that has just run may know that it pushed nothing; Airflow, when it is asked for
            what isn't there, logs an error (seen on 3.3.2), which would stand below the one that matters.
        :param ti_key: The task instance.
        """
        if getattr(operator, "has_pushed_links", None) is False:
            return ""
        try:
            url = read_xcom(ti_key, self.key)
        except Exception as error:
            # A link is a convenience: neither a page nor a task may fail because of it.
            log.warning("Link %r has no URL: XCom %r can't be read: %r.", self.name, self.key, error)
            return ""
        return url if isinstance(url, str) else ""


class PolarisJobLink(_XComLink):
    """Leads to the job that the task submitted or watches (XCom ``polaris_job_url``)."""

    name = "Polaris Job"
    key = "polaris_job_url"


class PolarisTableLink(_XComLink):
    """Leads to the table that the task writes (XCom ``polaris_table_url``)."""

    name = "Polaris Table"
    key = "polaris_table_url"
