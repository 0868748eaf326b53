# SPDX-License-Identifier: Apache-2.0
"""
Recognize our own job in the jobs that Polaris lists: by its marker if Polaris echoes it, otherwise by its spec.

A marker identifies a job exactly. An unmarked match has the same spec, but another client may have submitted it.
Adopting an unmarked match is safe if the job replaces data, but may lose rows if it appends. Performs no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_polaris.jobs.idempotency.fingerprint import Fingerprint, contradictions
from airflow_provider_polaris.jobs.spec.context import marker_in
from airflow_provider_polaris.jobs.status.state import JobState
from airflow_provider_polaris.jobs.status.statuses import STATUSES_WITHOUT_EFFECT

#: Idempotent types: a second run leaves the same data.
_IDEMPOTENT_TYPES: Final = frozenset({"delete_data", "restore_data", "drop_table"})


def adds_rows(job: JobState) -> bool:
    """Whether a second run of a job duplicates its rows; True for an unknown type."""
    return not (job.type in _IDEMPOTENT_TYPES or job.is_replace)


def spec_adds_rows(spec: Mapping[str, Any]) -> bool:
    """Whether a second run of a spec's job duplicates its rows; True for an unknown type."""
    kind = str(spec.get("type"))
    mode = spec.get("ingestionMode", "append") if kind == "batch" else None
    query = spec.get("query")
    return adds_rows(JobState("", kind, "", ingestion_mode=mode, query=query if isinstance(query, str) else None))


@dataclass(frozen=True)
class JobCriteria:
    """
    Criteria of the job to search for.

    :param fingerprint: Fingerprint of the spec that was sent.
    :param markers: Markers that the job may carry, and the epoch of each.
    :param needs_certainty: Whether an unmarked match must not be adopted, because it may lose data or do harm.
    :param was_marked: Whether the job was certainly sent with one of the markers.
    """

    fingerprint: Fingerprint
    markers: Mapping[str, int]
    needs_certainty: bool
    was_marked: bool


@dataclass(frozen=True)
class Candidate:
    """
    A job that matches the criteria.

    :param state: The job as Polaris describes it.
    :param epoch: Epoch of its marker; None for an unmarked match.
    :param differences: Fields in which it differs from our spec; only possible with a marker.
    """

    state: JobState
    epoch: int | None
    differences: tuple[str, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Whether a marker proves that the job is ours."""
        return self.epoch is not None


@dataclass(frozen=True)
class MatchResult:
    """
    The result of a search; if both fields are empty, no candidate is our job.

    :param job: Our job.
    :param doubtful: Jobs that may be ours, without proof, or with several to choose from.
    """

    job: Candidate | None = None
    doubtful: tuple[Candidate, ...] = ()


def match_job(job: Mapping[str, Any], wanted: JobCriteria) -> Candidate | None:
    """
    Match a described job against the criteria; None if it is not our job.

    :param job: The job as Polaris describes it.
    :param wanted: The criteria.
    """
    marker = marker_in(job)
    differences = contradictions(wanted.fingerprint, job)
    if marker is not None:
        epoch = wanted.markers.get(marker)
        return None if epoch is None else Candidate(JobState.from_wire(job), epoch, differences)
    return None if differences else Candidate(JobState.from_wire(job), None)


def select_match(candidates: Iterable[Candidate], wanted: JobCriteria, *, echoes_markers: bool) -> MatchResult:
    """
    Decide which candidate is our job.

    :param candidates: All matching jobs, each once.
    :param wanted: The criteria.
    :param echoes_markers: Whether Polaris echoed the marker of any job. If so, our job would show its marker, too.
    """
    candidates = list(candidates)
    certain = [each for each in candidates if each.epoch is not None]
    if certain:
        return _latest(certain)
    if wanted.was_marked and echoes_markers:
        return MatchResult()
    alike = [each for each in candidates if each.state.status not in STATUSES_WITHOUT_EFFECT]
    if not wanted.needs_certainty:
        # Do not adopt a job that is being canceled: the task would wait for a canceled job.
        alike = [each for each in alike if each.state.desired_status != "canceled"]
    if len(alike) == 1 and not wanted.needs_certainty:
        return MatchResult(alike[0])
    return MatchResult(doubtful=tuple(alike))


def _latest(certain: list[Candidate]) -> MatchResult:
    """Return the job of the latest epoch. Each try may have left a job, but at most one of them may have an effect."""
    epoch = max(each.epoch for each in certain if each.epoch is not None)
    ours = [each for each in certain if each.epoch == epoch]
    effective = [each for each in ours if each.state.status not in STATUSES_WITHOUT_EFFECT]
    if len(effective) > 1:
        return MatchResult(doubtful=tuple(effective))
    return MatchResult(effective[0] if effective else ours[0])
