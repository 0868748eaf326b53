# SPDX-License-Identifier: Apache-2.0
"""The differences between services, so that callers never ask which service it is; performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Capabilities:
    """
    What a service can do that another can't.

    :param idempotent_submission: The service accepts a marker and its number only once, so the same submission may be
        sent again after an unknown outcome. The client is an ``IdempotentService``.
    :param bulk_status: One request returns the statuses of 1,000 jobs that are given by their ids. The client is a
        ``BulkStatusService``.
    :param cancels_deletions: A deletion job that has not ended can be canceled.
    :param exact_deletions: The current segments of a table can be read, and a deletion that names segments deletes no
        other. The client is a ``SegmentService``.
    :param restores_versions: A restore can name the versions of the segments to restore.
    :param soft_delete: Deleted segments can be restored until the service purges them.
    :param forgets_empty_tables: A table without segments doesn't exist.
    :param percent_progress: The service reports the progress of a running job as a fraction.
    """

    idempotent_submission: bool
    bulk_status: bool
    cancels_deletions: bool
    exact_deletions: bool
    restores_versions: bool
    soft_delete: bool
    forgets_empty_tables: bool
    percent_progress: bool
