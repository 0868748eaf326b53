# SPDX-License-Identifier: Apache-2.0
"""A rollup of one table into another, and the message with which it is refused."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.operators.polaris import PolarisTableToTableOperator
from airflow_provider_polaris.runtime.compat import AirflowFailException


def operator(**arguments):
    return PolarisTableToTableOperator(
        **{
            "task_id": "rollup",
            "source_table": "Koalas Source",
            "target_table": "Koalas Rollup",
            "dimensions": ["city"],
            "wait_for_completion": False,
            **arguments,
        }
    )


def refusal(task, context):
    """Return the message with which a task fails before it submits anything."""
    with pytest.raises(AirflowFailException) as caught:
        task.execute(context)
    return str(caught.value)
