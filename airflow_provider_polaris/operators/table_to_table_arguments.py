# SPDX-License-Identifier: Apache-2.0
"""The arguments of a table-to-table job as a dataclass, for the operator and for planners that have no operator."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class TableToTableArguments:
    """
    Rendered, unchecked arguments of a job, with the same meaning and defaults as in
    :class:`~airflow_provider_polaris.operators.polaris.PolarisTableToTableOperator`.
    """

    source_table: Any
    target_table: Any
    interval: Any = None
    source_interval: Any = None
    target_intervals: Any = None
    partition_grain: Any = None
    lookback: Any = None
    ingestion_mode: Any = "replace"
    replace_all: Any = False
    mappings: Any = None
    dimensions: Any = None
    measures: Any = None
    rollup_granularity: Any = None
    source_is_rollup: Any = None
    filter_expression: Any = None
    create_table_if_not_exists: Any = False
    partitioned_by: Any = None
    allow_finer_partitions: Any = False
    allow_self_append: Any = False
    clustering_columns: Any = None
    max_parse_exceptions: Any = None
    context: Any = None

    @classmethod
    def pick(cls, values: dict[str, Any]) -> TableToTableArguments:
        """Select the arguments of a job from a larger dictionary, such as the attributes of an operator."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})
