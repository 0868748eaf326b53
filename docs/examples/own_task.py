# SPDX-License-Identifier: Apache-2.0
"""A task that queries Polaris through the hook."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_polaris.hooks.polaris import PolarisHook

# [START own_task]
with DAG("own_task", schedule=None, start_date=datetime(2024, 6, 1, tzinfo=timezone.utc)):

    @task
    def busiest_city() -> str:
        """Return the city with the most sessions."""
        sql = 'SELECT "city", COUNT(*) AS "sessions" FROM "Koalas Source" GROUP BY 1 ORDER BY 2 DESC LIMIT 1'
        (row,) = PolarisHook().query(sql)
        return str(row["city"])

    busiest_city()
# [END own_task]
