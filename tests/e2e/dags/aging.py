# SPDX-License-Identifier: Apache-2.0
"""
The packaged example of an age-out, and a restore of the day that it aged.

The example is as packaged, except that it polls each second, and that it ends, so that only a test starts a run.
"""

from __future__ import annotations

from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_polaris.operators.polaris import PolarisRestoreDataOperator

_EXAMPLE = Path(__file__).resolve().parents[3] / "dags_examples" / "koalas_age_out.py"
_CODE = _EXAMPLE.read_text().replace("poll_interval=10", "poll_interval=1")
_CODE = _CODE.replace("catchup=False,", "catchup=False, end_date=datetime(2024, 7, 3, tzinfo=timezone.utc),")
exec(compile(_CODE, __file__, "exec"))

with DAG("koalas_restore", schedule=None):
    PolarisRestoreDataOperator(task_id="rollup", table_name="Koalas Source", interval="2024-06-01/P1D", poll_interval=1)
