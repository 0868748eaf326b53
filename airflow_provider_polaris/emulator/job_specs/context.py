"""
The ``context`` of a job: which of its keys are known, and what becomes of the others; performs no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.wire.errors import bad_request

# DOCUMENTED https://druid.apache.org/docs/latest/multi-stage-query/reference and .../querying/sql-query-context: what
# the engine behind batch jobs takes. GUESS: a Polaris that looks at keys knows these.
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
    Return the context that a job keeps.

    DOCUMENTED polaris-sdk 20250425.14.0, CreateBatchJobRequest: an object with any keys. GUESS: what becomes of a key
    that nobody knows, hence the assumption ``unknown_context``.

    :param context: As it was sent.
    :param assumed: How it is read.
    :return: None where nothing is left of it, or nothing was sent.
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
