# SPDX-License-Identifier: Apache-2.0
"""The retry policy: one row for each error of the package, the path through Airflow, and Airflow's own decisions."""

from __future__ import annotations

import importlib
import json
import pkgutil
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import airflow_provider_polaris
from airflow_provider_polaris.jobs.errors import (
    PolarisAmbiguousSubmitError,
    PolarisApiError,
    PolarisAuthError,
    PolarisConflictError,
    PolarisError,
    PolarisForeignAnswerError,
    PolarisGuardError,
    PolarisGuardUnansweredError,
    PolarisJobCanceledError,
    PolarisJobError,
    PolarisJobFailedError,
    PolarisJobTimeoutError,
    PolarisNotFoundError,
    PolarisProtocolError,
    PolarisRecordError,
    PolarisServerError,
    PolarisSpecError,
    PolarisThrottledError,
    PolarisTransportError,
)
from airflow_provider_polaris.jobs.time.instant import UnreadableInstantError
from airflow_provider_polaris.retry_policies import PolarisRetryPolicy
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, HAS_RETRY_POLICIES, AirflowFailException
from airflow_provider_polaris.runtime.failure import is_permanent

needs_policies = pytest.mark.skipif(not HAS_RETRY_POLICIES, reason="Airflow has retry policies since 3.3")

AGAIN = "the error is transient, so the task tries again in 60 s."
WHO_KNOWS = "it is unknown whether the error is transient, so the task's own retries and retry_delay apply."
NO_USE = "the next try would fail with the same error or do harm, so Airflow doesn't retry."


def failed(state: str, code: str | None = None) -> PolarisJobFailedError:
    return PolarisJobFailedError("…", job_id="j1", state=state, code=code)


def refused(kind: type[PolarisApiError], status: int, method: str = "GET", **values: Any) -> PolarisApiError:
    return kind("…", status=status, method=method, path="/v1/projects/p/jobs", **values)


def ids(value: Any) -> str | None:
    return repr(value) if isinstance(value, PolarisError) else None


#: Error, what the policy does, seconds to the next try (None: the task's own), and why.
TABLE: list[tuple[PolarisError, str, float | None, str]] = [
    (PolarisSpecError("…"), "fail", None, NO_USE),
    (UnreadableInstantError("…"), "fail", None, NO_USE),
    (PolarisGuardError("…"), "fail", None, NO_USE),
    (PolarisGuardUnansweredError("…"), "retry", 60, AGAIN),
    (PolarisRecordError("…"), "retry", 60, AGAIN),
    (PolarisTransportError("…"), "retry", 60, AGAIN),
    (PolarisProtocolError("…"), "default", None, WHO_KNOWS),
    (PolarisForeignAnswerError("…", status=404), "retry", 60, AGAIN),
    (PolarisForeignAnswerError("…", status=403), "retry", 60, AGAIN),
    (PolarisAmbiguousSubmitError("…"), "retry", 60, AGAIN),
    (refused(PolarisApiError, 400, "POST"), "fail", None, NO_USE),
    (refused(PolarisApiError, 413, "POST"), "fail", None, NO_USE),
    (refused(PolarisApiError, 422, "POST"), "fail", None, NO_USE),
    (refused(PolarisApiError, 400, "GET"), "default", None, WHO_KNOWS),
    (refused(PolarisApiError, 501, "POST"), "default", None, WHO_KNOWS),
    (refused(PolarisAuthError, 401), "default", None, WHO_KNOWS),
    (
        refused(PolarisAuthError, 403, "POST"),
        "fail",
        None,
        "a permission is missing, which no retry fixes. Grant it, then clear the task.",
    ),
    (refused(PolarisNotFoundError, 404), "default", None, WHO_KNOWS),
    (refused(PolarisConflictError, 409, "POST"), "default", None, WHO_KNOWS),
    (
        refused(PolarisThrottledError, 429, "POST", retry_after=17.5),
        "retry",
        17.5,
        "the service received too many requests and requested a wait of 17.5 s.",
    ),
    (
        refused(PolarisThrottledError, 429, retry_after=7200.0),
        "retry",
        7200,
        "the service received too many requests and requested a wait of 7200 s.",
    ),
    (
        refused(PolarisThrottledError, 429, retry_after=315_360_000.0),
        "retry",
        7200,
        "the service received too many requests and requested a wait of 7200 s.",
    ),
    (
        refused(PolarisThrottledError, 429, retry_after=-60.0),
        "retry",
        60,
        "the service received too many requests, so the task tries again in 60 s.",
    ),
    (
        refused(PolarisThrottledError, 429),
        "retry",
        60,
        "the service received too many requests, so the task tries again in 60 s.",
    ),
    (refused(PolarisServerError, 503), "retry", 60, AGAIN),
    (PolarisJobError("…", job_id="j1"), "default", None, WHO_KNOWS),
    (failed("failed", "internal_error"), "retry", 60, AGAIN),
    (failed("failed", "could_not_connect_to_source"), "retry", 60, AGAIN),
    (failed("failed", "never heard of"), "retry", 60, AGAIN),
    (failed("failed"), "retry", 60, AGAIN),
    (failed("failed", "cannot_parse_source"), "fail", None, NO_USE),
    (failed("failed", "row_too_large"), "fail", None, NO_USE),
    (failed("failed", "too_many_time_buckets"), "fail", None, NO_USE),
    (failed("completed", "no_rows_found"), "fail", None, NO_USE),
    (failed("unknown"), "fail", None, NO_USE),
    (PolarisJobCanceledError("…", job_id="j1", state="canceled"), "default", None, WHO_KNOWS),
    (PolarisJobTimeoutError("…", job_id="j1", state="running"), "default", None, WHO_KNOWS),
    (PolarisJobTimeoutError("…", job_id="j1", state="pending"), "retry", 60, AGAIN),
]


@needs_policies
@pytest.mark.parametrize(("error", "action", "seconds", "why"), TABLE, ids=ids)
def test_evaluate_error_of_ours_decides_as_written_down(error, action, seconds, why):
    """Action, wait and message of each error are those of the table."""
    decision = PolarisRetryPolicy().evaluate(error, try_number=1, max_tries=3)

    assert (decision.action.value, decision.reason) == (action, f"{type(error).__name__}: {why}")
    assert decision.retry_delay == (None if seconds is None else timedelta(seconds=seconds))


# In Airflow's own provider, on 3.1.
@pytest.mark.filterwarnings("ignore:The `airflow.operators.branch.BranchMixIn`")
def test_table_has_a_row_for_every_error_of_the_package():
    """A new error class in any module must be added to the table."""
    for module in pkgutil.walk_packages(airflow_provider_polaris.__path__, "airflow_provider_polaris."):
        if module.name.endswith("age_out.approve") and AIRFLOW_VERSION < (3, 1):
            continue  # nothing asks a person there
        if ".emulator" not in module.name and not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as missing:  # the lineage extra is not installed everywhere
                if not str(missing.name).startswith("openlineage"):
                    raise

    def public(kind: type) -> set[type]:
        below = {each for child in kind.__subclasses__() for each in public(child)}
        return below if kind.__name__.startswith("_") else {kind, *below}

    ours = {each for each in public(PolarisError) if each.__module__.startswith("airflow_provider_polaris.")}
    assert ours - {PolarisError} == {type(error) for error, *_ in TABLE}


@pytest.mark.parametrize(("error", "action", "seconds", "why"), TABLE, ids=ids)
def test_is_lasting_error_is_one_that_the_policy_fails_too(error, action, seconds, why):
    """Errors that operators convert to AirflowFailException would fail by the policy, too; only 403 is added."""
    assert is_permanent(error) == (action == "fail" and getattr(error, "status", None) != 403)


@needs_policies
def test_evaluate_wrapped_error_decides_by_the_nearest_cause():
    """The first error of ours in the chain of causes decides; an exception in the context doesn't."""
    policy = PolarisRetryPolicy()
    inner, outer = PolarisSpecError("inner"), refused(PolarisThrottledError, 429, retry_after=5.0)
    outer.__cause__ = inner
    wrapped = AirflowFailException("…")
    wrapped.__cause__ = RuntimeError("…")
    wrapped.__cause__.__cause__ = outer
    meanwhile = RuntimeError("…")
    meanwhile.__context__ = inner

    assert policy.evaluate(wrapped, 1, 3).retry_delay == timedelta(seconds=5)
    assert policy.evaluate(meanwhile, 1, 3).action.value == "default"


@needs_policies
@pytest.mark.parametrize("error", [RuntimeError("…"), KeyboardInterrupt(), PermissionError("403")])
def test_evaluate_error_of_somebody_else_leaves_it_to_airflow(error):
    """Errors that this package didn't raise get no reason; a circular chain of causes ends."""
    error.__cause__ = error
    decision = PolarisRetryPolicy().evaluate(error, 1, 3)
    assert (decision.action.value, decision.retry_delay, decision.reason) == ("default", None, None)


@needs_policies
def test_evaluate_again_and_again_doubles_the_delay_up_to_the_longest():
    """A minute, two, four, up to half an hour; thousands of tries change nothing more."""
    policy = PolarisRetryPolicy()
    tries = [1, 2, 3, 5, 6, 5000]
    delays = [policy.evaluate(PolarisTransportError("…"), each, 5000).retry_delay for each in tries]
    assert delays == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 16, 30, 30)]

    long = PolarisRetryPolicy(timedelta(days=300), timedelta(days=900))
    assert long.evaluate(PolarisTransportError("…"), 1000, 1000).retry_delay == timedelta(days=900)


@needs_policies
def test_evaluate_after_a_clear_starts_with_the_first_delay():
    """A clear raises max_tries by the used tries, and the delay counts from there."""
    policy = PolarisRetryPolicy(first_delay=timedelta(seconds=10))
    context: Any = {"task": SimpleNamespace(retries=3)}
    delays = [policy.evaluate(PolarisTransportError("…"), each, 7, context).retry_delay for each in (5, 6, 7)]
    assert delays == [timedelta(seconds=seconds) for seconds in (10, 20, 40)]


@needs_policies
def test_policy_serialized_comes_back_the_same():
    """Through JSON and back, other delays included."""
    policy = PolarisRetryPolicy(timedelta(seconds=2.5), timedelta(hours=3))
    assert PolarisRetryPolicy.deserialize(json.loads(json.dumps(policy.serialize()))) == policy


@needs_policies
def test_policy_on_operators_and_sensor_survives_the_serialization_of_the_dag():
    """The scheduler receives the flag that there is a policy, also for a mapped task."""
    from airflow.sdk import DAG
    from airflow.serialization.serialized_objects import DagSerialization

    from airflow_provider_polaris.operators.polaris import PolarisJobOperator
    from airflow_provider_polaris.sensors.polaris import PolarisJobSensor

    policy = PolarisRetryPolicy()
    with DAG("koalas", schedule=None) as dag:
        PolarisJobOperator(task_id="job", spec={}, retry_policy=policy)
        PolarisJobSensor(task_id="sensor", job_id="j1", retry_policy=policy)
        PolarisJobOperator.partial(task_id="mapped", retry_policy=policy).expand(spec=[{}, {}])
        PolarisJobOperator(task_id="without", spec={})

    back = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert {task.task_id: task.has_retry_policy for task in back.tasks} == {
        "job": True,
        "sensor": True,
        "mapped": True,
        "without": False,
    }


@needs_policies
@pytest.mark.parametrize(
    ("delays", "message"),
    [
        (
            {"first_delay": timedelta()},
            ("first_delay datetime.timedelta(0) is not a positive timedelta. Write one, such as timedelta(minutes=1)."),
        ),
        (
            {"longest_delay": 60},
            "longest_delay 60 is not a positive timedelta. Write one, such as timedelta(minutes=1).",
        ),
        (
            {"first_delay": timedelta(hours=1)},
            "first_delay 1:00:00 is longer than longest_delay 0:30:00. Set longest_delay to the same value or more.",
        ),
    ],
)
def test_policy_with_senseless_delays_is_refused(delays, message):
    """When the DAG is parsed, not when a task fails."""
    with pytest.raises(PolarisSpecError) as caught:
        PolarisRetryPolicy(**delays)
    assert str(caught.value) == message


@pytest.mark.skipif(HAS_RETRY_POLICIES, reason="for Airflow before 3.3")
def test_policy_on_older_airflow_says_what_to_do_instead():
    """The class can be imported with every version; using it raises an error that names both versions."""
    major, minor = AIRFLOW_VERSION
    with pytest.raises(PolarisSpecError) as caught:
        PolarisRetryPolicy()
    assert str(caught.value) == (
        f"PolarisRetryPolicy needs Airflow 3.3 or newer, and this is Airflow {major}.{minor}. Omit retry_policy: wrong "
        "specs and data errors fail immediately even without it, and all other errors are retried after retry_delay, "
        "which grows with retry_exponential_backoff=True."
    )
