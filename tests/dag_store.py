# SPDX-License-Identifier: Apache-2.0
"""Store DAGs in Airflow's database, which Airflow 3 requires before it runs one in a test."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

#: Whose modules the tests import as scripts do.
SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
sys.path.append(str(SCRIPTS))
import newest_api  # noqa: E402

#: For the ``conftest.py`` of a separate pytest that runs DAGs.
BUILD_NEWEST_API_ONLY = f"""
import sys

sys.path.append({str(SCRIPTS)!r})
import newest_api

newest_api.build_newest_api_only()
"""


def store(dag: Any) -> None:
    """
    Store a DAG, as the scheduler of each version does.

    :param dag: The DAG.
    """
    if AIRFLOW_VERSION < (3, 0):
        dag.sync_to_db()
        return
    newest_api.build_newest_api_only()
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before 3.2
        from airflow.models.dagbag import DagBag
    with create_session() as session:
        if not session.get(DagBundleModel, "testing"):
            session.add(DagBundleModel(name="testing"))
    if AIRFLOW_VERSION < (3, 1):
        dag.relative_fileloc = dag.relative_fileloc or "koalas.py"  # a DAG without a file has none
    bag = DagBag(os.devnull)
    bag.bag_dag(dag)
    if AIRFLOW_VERSION < (3, 1):
        bag.sync_to_db("testing", None)
        return
    try:
        from airflow.dag_processing.dagbag import sync_bag_to_db
    except ImportError:
        from airflow.models.dagbag import sync_bag_to_db
    sync_bag_to_db(bag, "testing", None)
