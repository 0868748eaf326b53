# SPDX-License-Identifier: Apache-2.0
"""
Advice for each health code of Polaris, as data; performs no I/O.

Sources: polaris-sdk 20250425.14.0 (the codes and their meaning); the limits are those of the engine of Polaris' batch
jobs, druid.apache.org/docs/latest/multi-stage-query/reference. Whether a retry repeats an error is this package's
interpretation of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Advice:
    """
    Advice for one code.

    :param text: One sentence with the next step.
    :param repeats: The same job fails in the same way again, because its spec or its input must be fixed first.
    """

    text: str
    repeats: bool

    @property
    def sentences(self) -> str:
        """The advice, and whether a retry helps."""
        return f"{self.text} {'A retry would fail in the same way.' if self.repeats else 'A retry may help.'}"


#: Codes with the health status ``error``.
ERROR_ADVICE: Final[Mapping[str, Advice]] = {
    "canceled": Advice("Find out who canceled the job before you run it again.", repeats=False),
    "cannot_parse_multi_value_dimension": Advice(
        "Wrap the column in MV_TO_ARRAY(), because it holds several values.", repeats=True
    ),
    "cannot_parse_source": Advice(
        "Fix the input, or raise max_parse_exceptions to skip unreadable rows.", repeats=True
    ),
    "column_name_restricted": Advice(
        "Give the column another name in mappings, because this one is reserved.", repeats=True
    ),
    "column_type_not_supported": Advice("CAST the column to a type that tables store.", repeats=True),
    "could_not_connect_to_source": Advice("Check that the service can reach the source of the job.", repeats=False),
    "internal_error": Advice("If it fails again, contact Imply support with the job id.", repeats=False),
    "invalid_null_byte": Advice("Remove the null bytes, for example with REPLACE(col, U&'\\0000', '').", repeats=True),
    "multiple": Advice("Read the job's log, which lists the individual errors.", repeats=False),
    "no_rows_ingested": Advice("Check that the source has rows in the interval that pass the filter.", repeats=True),
    "null_timestamp": Advice("Map __time to an expression that is never NULL, or filter those rows out.", repeats=True),
    "query_not_supported": Advice("Rewrite the expression or query that the service can't run.", repeats=True),
    "row_too_large": Advice("Drop or shorten the widest columns, because a row must stay below 1 MB.", repeats=True),
    "timestamp_out_of_bounds": Advice(
        "Make the job produce __time only inside its target intervals: restrict the source to them, "
        "and floor __time to no more than they are aligned to.",
        repeats=True,
    ),
    "too_many_clustered_by_columns": Advice("Use fewer clustering columns; the limit is 1,500.", repeats=True),
    "too_many_columns": Advice("Map fewer columns; the limit is 2,000.", repeats=True),
    "too_many_input_files": Advice(
        "Split the input over several jobs; the limit is 10,000 files a worker.", repeats=True
    ),
    "too_many_partitions": Advice(
        "Split the interval over several jobs; the limit is 25,000 partitions.", repeats=True
    ),
    "too_many_rows_with_same_key": Advice("Rewrite the join, because too many rows share one key.", repeats=True),
    "too_many_segments_in_time_chunk": Advice(
        "Write less into one time chunk; a source of lookups takes a single segment.", repeats=True
    ),
    "too_many_time_buckets": Advice(
        "Split the interval over several jobs, or use a coarser partitioned_by; the limit is 5,000 chunks of time.",
        repeats=True,
    ),
}

#: Codes with the health status ``warn``.
WARNING_ADVICE: Final[Mapping[str, str]] = {
    "lost_connection_to_source": "Check that everything in the source arrived.",
    "no_rows_found": "Check that the source has rows in the interval that pass the filter.",
    "invalid_rows_found": "Check the rows that do not match the declared schema.",
    "unable_to_proceed": "Read the job's log for the reason of the delay.",
    "multiple": "Read the job's log, which lists the individual warnings.",
}
