"""
Tell our own job from others in what Polaris echoes: by a marker if it is echoed, else by what the job asks for.

A marker is exact. A job that merely asks for the same may be somebody else's, a twin: to take it for ours is harmless
if the job replaces data, and loses rows if it adds them. Performs no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from airflow_provider_polaris.jobs.idempotency.fingerprint import Fingerprint, contradictions
from airflow_provider_polaris.jobs.spec.context import marker_in
from airflow_provider_polaris.jobs.status.state import STATUSES_WITHOUT_EFFECT, JobState

#: Running one of these twice leaves what running it once leaves.
_REPEATABLE_TYPES: Final = frozenset({"delete_data", "restore_data", "drop_table"})


def adds_rows(job: JobState) -> bool:
    """Whether running a job twice adds its rows twice; True for a type that we don't know."""
    return not (job.type in _REPEATABLE_TYPES or job.is_replace)


def spec_adds_rows(spec: Mapping[str, Any]) -> bool:
    """Whether running the job of a spec twice adds its rows twice; True for a type that we don't know."""
    kind = str(spec.get("type"))
    mode = spec.get("ingestionMode", "append") if kind == "batch" else None
    query = spec.get("query")
    return adds_rows(JobState("", kind, "", ingestion_mode=mode, query=query if isinstance(query, str) else None))


@dataclass(frozen=True)
class JobCriteria:
    """
    The job that is looked for.

    :param fingerprint: Of the spec that was sent.
    :param markers: Markers that it may carry, and the epoch that each stands for.
    :param needs_certainty: Whether a twin is not as good, because it is a loss to take one for ours, or harm.
    :param was_marked: Whether it is certain that it was sent with one of the markers.
    """

    fingerprint: Fingerprint
    markers: Mapping[str, int]
    needs_certainty: bool
    was_marked: bool


@dataclass(frozen=True)
class Candidate:
    """
    A job that may be the one.

    :param state: The job as described.
    :param epoch: What its marker stands for; None if it has no marker and merely asks for the same.
    :param differences: Fields in which it isn't what was asked for; only possible with a marker.
    """

    state: JobState
    epoch: int | None
    differences: tuple[str, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Whether the marker says that the job is ours."""
        return self.epoch is not None


@dataclass(frozen=True)
class MatchResult:
    """
    What a look at all candidates comes to; with neither, the job is not among them.

    :param job: The one.
    :param doubtful: Jobs of which nobody can tell whether they are, or which of them is.
    """

    job: Candidate | None = None
    doubtful: tuple[Candidate, ...] = ()


def match_job(job: Mapping[str, Any], wanted: JobCriteria) -> Candidate | None:
    """
    Return what a described job is to us; None if it is somebody else's.

    :param job: As Polaris describes it.
    :param wanted: What is looked for.
    """
    marker = marker_in(job)
    differences = contradictions(wanted.fingerprint, job)
    if marker is not None:
        epoch = wanted.markers.get(marker)
        return None if epoch is None else Candidate(JobState.from_wire(job), epoch, differences)
    return None if differences else Candidate(JobState.from_wire(job), None)


def select_match(candidates: Iterable[Candidate], wanted: JobCriteria, *, echoes_markers: bool) -> MatchResult:
    """
    Decide which job is the one.

    :param candidates: All that were recognized, each once.
    :param wanted: What is looked for.
    :param echoes_markers: Whether any job was seen with a marker, so that ours would show its own.
    """
    candidates = list(candidates)
    certain = [each for each in candidates if each.epoch is not None]
    if certain:
        return _latest(certain)
    if wanted.was_marked and echoes_markers:
        return MatchResult()
    alike = [each for each in candidates if each.state.status not in STATUSES_WITHOUT_EFFECT]
    if not wanted.needs_certainty:
        # To adopt one that somebody wants canceled would be to wait for its end.
        alike = [each for each in alike if each.state.desired_status != "canceled"]
    if len(alike) == 1 and not wanted.needs_certainty:
        return MatchResult(alike[0])
    return MatchResult(doubtful=tuple(alike))


def _latest(certain: list[Candidate]) -> MatchResult:
    """Several tries of an epoch may have left a job each; of those that have or may have an effect there is one."""
    epoch = max(each.epoch for each in certain if each.epoch is not None)
    ours = [each for each in certain if each.epoch == epoch]
    effective = [each for each in ours if each.state.status not in STATUSES_WITHOUT_EFFECT]
    if len(effective) > 1:
        return MatchResult(doubtful=tuple(effective))
    return MatchResult(effective[0] if effective else ours[0])
