# SPDX-License-Identifier: Apache-2.0
"""
Let the Airflow of this process serve its execution API to tasks of its own version only.

From Airflow 3.0 on, each process that calls ``dag.test()`` builds every released version of this API: 3.5 seconds of
CPU time. Its tasks ask for the newest version and no other.
"""

from __future__ import annotations


def build_newest_api_only() -> None:
    """
    Reduce the versions to the newest one, which takes 0.5 seconds; a second call has no effect.

    Call it before the first run of a DAG. It has no effect on Airflow 2.
    """
    try:
        from airflow.api_fastapi.execution_api import versions
        from airflow.api_fastapi.execution_api.routes import execution_api_router
        from cadwyn import HeadVersion, Version, VersionBundle
        from cadwyn.route_generation import _DELETED_ROUTE_TAG
    except ImportError:
        return
    newest = versions.bundle.versions[0].value
    versions.bundle = VersionBundle(HeadVersion(), Version(newest))
    # Routes that exist in older versions only: Cadwyn rejects them if no version has them.
    execution_api_router.routes[:] = [
        route for route in execution_api_router.routes if _DELETED_ROUTE_TAG not in getattr(route, "tags", ())
    ]
