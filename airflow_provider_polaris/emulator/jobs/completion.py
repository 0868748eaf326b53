# SPDX-License-Identifier: Apache-2.0
"""
Set status, health, log entry and totals of a job that completed, failed or was canceled. Performs no I/O.
"""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_polaris.emulator.engine import BatchTotals
from airflow_provider_polaris.emulator.jobs.job import Job
from airflow_provider_polaris.emulator.status_machine import Event, move
from airflow_provider_polaris.emulator.wire.identifiers import rfc3339


def completed(job: Job, totals: BatchTotals, now: int) -> Job:
    """Return the completed job with these totals."""
    counted = {
        # DOCUMENTED https://docs.imply.io/polaris/ingestion-status-reference: the totals of batch jobs; the other
        # fields are null
        "numBytesProcessed": totals.bytes_processed,
        "numRowsPersisted": totals.rows_persisted,
        "numRowsProcessed": totals.rows_processed,
        "numRowsProcessedWithWarning": None,
        "numRowsSkippedByError": totals.rows_skipped_by_error,
        "numRowsSkippedByFilter": None,
    }
    done = replace(job, status=move(job.status, "complete"), completed=now, totals=counted)
    if totals.rows_processed == 0:
        # DOCUMENTED polaris-sdk 20250425.14.0, JobWarningCodeV2. GUESS: a replace that read nothing gets it, too.
        return _with_health(done, "warn", "no_rows_found", "The job completed without ingesting any rows.", now)
    if totals.rows_skipped_by_error:
        message = f"The job skipped {totals.rows_skipped_by_error} rows that could not be parsed."
        return _with_health(done, "warn", "invalid_rows_found", message, now)
    return done


def changed(job: Job, segments: int, now: int) -> Job:
    """
    Return the completed job that deleted or restored segments.

    DOCUMENTED https://docs.imply.io/polaris/ingestion-status-reference: ``no_rows_found`` if a job deleted nothing.
    GUESS: also if it restored nothing, but not if it dropped an empty table. There are no totals, because they are for
    ingestion only.
    """
    done = replace(job, status=move(job.status, "complete"), completed=now)
    if segments or job.type == "drop_table":
        return done
    what = "restoring" if job.type == "restore_data" else "deleting"
    return _with_health(done, "warn", "no_rows_found", f"The job completed without {what} any rows.", now)


def failed(job: Job, code: str, message: str, now: int) -> Job:
    """Return the failed job."""
    return _with_health(_ended(job, "fail"), "error", code, message, now)


def canceled(job: Job, now: int) -> Job:
    """Return the canceled job."""
    # DOCUMENTED https://docs.imply.io/polaris/ingestion-status-reference: the code of a canceled job
    return _with_health(_ended(job, "cancel"), "error", "canceled", "The job was canceled.", now)


def _ended(job: Job, event: Event) -> Job:
    # DOCUMENTED polaris-sdk 20250425.14.0: completedTimestamp is for completed jobs only.
    return replace(job, status=move(job.status, event))


def _with_health(job: Job, status: str, code: str, message: str, now: int) -> Job:
    """DOCUMENTED polaris-sdk 20250425.14.0, JobErrorHealthV2 and JobWarningHealthV2: only errors have a message."""
    entry = {"timestamp": rfc3339(now), "healthStatus": status, "code": code, "message": message}
    health = {"status": status, "code": code, **({"message": message} if status == "error" else {}), "log": entry}
    return replace(job, health=health, log=(*job.log, entry))
