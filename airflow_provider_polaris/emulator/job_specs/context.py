# SPDX-License-Identifier: Apache-2.0
"""
The ``context`` of a job: its known keys, and the handling of unknown keys. Performs no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.wire.errors import bad_request

# DOCUMENTED https://druid.apache.org/docs/latest/multi-stage-query/reference and .../querying/sql-query-context:
# parameters of the engine behind batch jobs. GUESS: if Polaris checks the keys, it accepts these.
KNOWN_CONTEXT: Final = frozenset(
    {
        "arrayIngestMode",
        "durableShuffleStorage",
        "failOnEmptyInsert",
        "faultTolerance",
        "finalizeAggregations",
        "includeSegmentSource",
        "indexSpec",
        "maxNumTasks",
        "maxParseExceptions",
        "rowsInMemory",
        "rowsPerPage",
        "rowsPerSegment",
        "segmentSortOrder",
        "selectDestination",
        "sqlJoinAlgorithm",
        "sqlStringifyArrays",
        "sqlTimeZone",
        "taskAssignment",
        "useApproximateCountDistinct",
        "useApproximateTopN",
        "waitUntilSegmentsLoad",
    }
)


def read_context(context: Mapping[str, Any] | None, assumed: Assumptions) -> dict[str, Any] | None:
    """
    Return the context that is stored with a job.

    DOCUMENTED polaris-sdk 20250425.14.0, CreateBatchJobRequest: an object with any keys. OBSERVED(Druid 27): unknown
    keys are kept and returned. GUESS: so does Polaris; see the assumption ``unknown_context``.

    :param context: The context as it was sent.
    :param assumed: The assumptions.
    :return: None if no keys remain, or no context was sent.
    :raises ApiError: 400 that names the first unknown key.
    """
    if context is None:
        return None
    unknown = [key for key in context if key not in KNOWN_CONTEXT]
    if unknown and assumed.unknown_context == "refuse":
        raise bad_request(f"context parameter {unknown[0]!r} is not known.", f"context.{unknown[0]}")
    if unknown and assumed.unknown_context == "drop":
        return {key: value for key, value in context.items() if key in KNOWN_CONTEXT} or None
    return dict(context)
