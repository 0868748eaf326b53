# SPDX-License-Identifier: Apache-2.0
"""A UNION of which Druid makes several tasks under one id is found."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.sql.ingestion.unions import may_split

U = "(SELECT a FROM t UNION ALL SELECT a FROM u)"


@pytest.mark.parametrize(
    "select",
    [
        f"SELECT * FROM {U}",
        f"SELECT a AS b, a + 0 AS c FROM {U} LIMIT 10",
        f"SELECT * FROM (SELECT * FROM {U} x)",
        f"SELECT * FROM {U} WHERE TRUE",
        f"WITH w AS {U} SELECT * FROM w",
        f"WITH v AS {U}, w AS (SELECT * FROM v) SELECT * FROM w",
        "SELECT * FROM (SELECT a, COUNT(*) AS n FROM t GROUP BY a UNION ALL SELECT a, n FROM u)",
        "SELECT a FROM t UNION ALL SELECT a FROM u",
        f"SELECT * FROM {U} WHERE",
    ],
)
def test_a_union_that_the_planner_can_lift_to_the_top_may_split(select: str) -> None:
    """Through every SELECT that changes nothing, through WITH, and if the query can't be parsed."""
    assert may_split(select)


@pytest.mark.parametrize(
    "select",
    [
        'SELECT a AS "UNION" FROM t',
        f"SELECT a FROM {U} GROUP BY a",
        f"SELECT DISTINCT a FROM {U}",
        f"SELECT COUNT(*) AS n FROM {U}",
        f"SELECT * FROM {U} WHERE a > 1",
        f"SELECT x.a FROM {U} x JOIN v ON x.a = v.a",
        f"SELECT v.a FROM v JOIN {U} x ON x.a = v.a",
        f"SELECT a FROM v WHERE a IN {U}",
        f"WITH w AS {U} SELECT a FROM w GROUP BY a",
        "WITH w AS (SELECT a FROM t UNION ALL SELECT a FROM u) SELECT * FROM druid.w",
    ],
)
def test_a_union_below_another_operation_is_one_task(select: str) -> None:
    """Druid 27 refuses these; newer versions run them as one task."""
    assert not may_split(select)
