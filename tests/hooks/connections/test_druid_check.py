# SPDX-License-Identifier: Apache-2.0
"""The Test button of a connection to a self-hosted Druid: one text for a cluster that works, and for each mistake."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.hooks.connections import check
from airflow_provider_polaris.hooks.druid import DruidHook
from airflow_provider_polaris.hooks.polaris import PolarisHook
from tests.druid_service import CONN_ID

WORKS = (
    "SQL queries, multi-stage queries, the list of tasks, the list of tables, statuses of many tasks and task slots "
    "work."
)
RIGHTS = (
    "If Druid checks rights, jobs also need DATASOURCE READ on the tables that they read and DATASOURCE WRITE on those "
    "that they write, which this test can't try."
)
NO_ENGINE = (
    "No job can run, because the multi-stage query engine is not loaded: add 'druid-multi-stage-query' to "
    "druid.extensions.loadList on all processes."
)
OVERLORD = "/druid/indexer/v1/"
FORBIDDEN = {"Access-Check-Result": "Allowed:false, Message:"}


def test_check_cluster_that_works_names_version_and_slots(druid_service):
    """Whichever hook reads the connection; nothing is changed."""
    expected = (True, f"Reached Druid 27.0.0 at {druid_service.url}: {WORKS} 6 of 6 task slots are free. {RIGHTS}")

    assert DruidHook().test_connection() == expected
    assert PolarisHook(CONN_ID).test_connection() == expected
    assert set(druid_service.paths("POST")) == {"/druid/v2/sql", "/druid/indexer/v1/taskStatus"}
    assert (druid_service.tasks, druid_service.marked) == ({}, [])


def test_check_cluster_without_the_engine_fails(druid_service):
    """It answers queries, but can't run a job."""
    druid_service.has_engine = False

    works = WORKS.replace(" multi-stage queries,", "")
    assert DruidHook().test_connection() == (
        False,
        f"Reached Druid 27.0.0 at {druid_service.url}: {works} {NO_ENGINE} 6 of 6 task slots are free.",
    )


def test_check_engine_that_answers_405_is_missing_too(druid_service):
    """As the other paths of the extension do in Druid 33."""
    druid_service.answers["GET", "/druid/v2/sql/task/enabled"] = [(405, "")]

    works, text = DruidHook().test_connection()

    assert not works
    assert NO_ENGINE in text


@pytest.mark.parametrize(
    ("capacity", "used", "sentence"),
    [
        (6, 5, "1 of 6 task slots is free. A job needs at least 2 and is submitted when they are free."),
        (6, 6, "0 of 6 task slots are free. A job needs at least 2 and is submitted when they are free."),
    ],
)
def test_check_cluster_without_free_slots_says_what_jobs_do(druid_service, capacity, used, sentence):
    """The connection works; jobs wait."""
    druid_service.capacity, druid_service.used = capacity, used

    assert DruidHook().test_connection() == (
        True,
        f"Reached Druid 27.0.0 at {druid_service.url}: {WORKS} {sentence} {RIGHTS}",
    )


def test_check_login_without_rights_on_state_says_what_is_slower(druid_service):
    """OBSERVED(Druid 27 with security): the version and the used slots need READ, the statuses of many tasks WRITE."""
    for method, path in (("GET", "/status"), ("POST", f"{OVERLORD}taskStatus"), ("GET", f"{OVERLORD}workers")):
        druid_service.answers[method, path] = [(403, FORBIDDEN)]

    assert DruidHook().test_connection() == (
        True,
        (
            f"Reached Druid at {druid_service.url}: SQL queries, multi-stage queries, the list of tasks and the list "
            "of tables work. The right STATE WRITE is missing, so the statuses of waiting tasks are read one by one "
            "instead of in one request. The number of free task slots can't be read, which needs the rights CONFIG "
            f"READ and STATE READ, so jobs are submitted without a look at it. {RIGHTS}"
        ),
    )


def test_check_login_without_config_read_says_that_slots_are_not_counted(druid_service):
    """OBSERVED(Druid 27 with security): STATE READ is not enough for the total."""
    druid_service.answers["GET", f"{OVERLORD}totalWorkerCapacity"] = [(403, FORBIDDEN)]

    assert DruidHook().test_connection() == (
        True,
        (
            f"Reached Druid 27.0.0 at {druid_service.url}: SQL queries, multi-stage queries, the list of tasks, the "
            "list of tables and statuses of many tasks work. "
            "The number of free task slots can't be read, which needs the rights CONFIG READ and STATE READ, so jobs "
            f"are submitted without a look at it. {RIGHTS}"
        ),
    )


@pytest.mark.parametrize("error", [None, "Unauthorized request"])
def test_check_connection_without_login_is_told_so(druid_service, error):
    """OBSERVED(Druid 27 with security): a request without login is refused in a form of its own."""
    druid_service.login = ("airflow", "s3cret")
    if error is not None:
        body = {"error": error, "errorMessage": None, "errorClass": None, "host": "localhost"}
        druid_service.login = None
        druid_service.answers["GET", "/status"] = [(401, body)]

    assert DruidHook().test_connection() == (
        False,
        (
            f"GET /status answered 401: {error or 'Unauthorized'}. Druid does not accept a request without login "
            "(connection 'apache_druid_default' has none): check login, password and auth of connection "
            "'apache_druid_default'."
        ),
    )


def test_check_process_that_runs_neither_sql_nor_tasks_has_one_sentence(druid_service):
    """Such as a historical."""
    routes = type(druid_service)._routes(druid_service)
    druid_service._routes = lambda: [each for each in routes if each[0] == "GET /status"]

    assert DruidHook().test_connection() == (
        False,
        (
            f"Reached Druid 27.0.0 at {druid_service.url}. Host '{druid_service.url}' is a Druid process that runs "
            "neither SQL nor the API of the coordinator and overlord, such as a historical: enter the address of the "
            "router."
        ),
    )


def test_check_wrong_password_fails_with_one_sentence(druid_service, connect):
    """After one request."""
    druid_service.login = ("airflow", "s3cret")
    connect(CONN_ID, conn_type="apache_druid", host=druid_service.url, login="airflow", password="wrong", extra={})

    assert DruidHook().test_connection() == (
        False,
        (
            "GET /status answered 401: Unauthorized. Druid does not accept the login 'airflow' of connection "
            "'apache_druid_default': check login, password and auth of connection 'apache_druid_default'."
        ),
    )
    assert druid_service.seen == []


def test_check_right_password_works(druid_service, connect):
    """Basic authentication."""
    druid_service.login = ("airflow", "s3cret")
    connect(CONN_ID, conn_type="apache_druid", host=druid_service.url, login="airflow", password="s3cret", extra={})

    assert DruidHook().test_connection()[0]


@pytest.fixture
def broker(druid_service):
    """Return a service that answers 404 for the coordinator's and the overlord's API, as a broker does."""
    routes = type(druid_service)._routes(druid_service)
    druid_service._routes = lambda: [each for each in routes if "indexer" not in each[0] and "coord" not in each[0]]
    return druid_service


def test_check_router_without_management_proxy_advises_the_coordinators_address(broker):
    """One sentence; no other request to the overlord or coordinator follows."""
    works, text = DruidHook().test_connection()

    assert not works
    assert text == (
        f"Reached Druid 27.0.0 at {broker.url}: SQL queries and multi-stage queries work. Host '{broker.url}' doesn't "
        "proxy the API of the coordinator and overlord: set druid.router.managementProxy.enabled=true on the router, "
        "or enter the address of the coordinator as coordinator_url."
    )


def test_check_wrong_coordinator_url_is_named(broker, connect):
    """It isn't the router's fault then."""
    connect(CONN_ID, conn_type="apache_druid", host=broker.url, password=None, extra={"coordinator_url": broker.url})

    assert DruidHook().test_connection() == (
        False,
        (
            f"Reached Druid 27.0.0 at {broker.url}: SQL queries and multi-stage queries work. coordinator_url "
            f"'{broker.url}' has no API of the coordinator and overlord: enter the address of the coordinator."
        ),
    )


def test_check_coordinator_as_host_is_told_to_enter_the_router(druid_service):
    """A coordinator answers /status, too; nothing is said about the engine, which it can't know."""
    routes = type(druid_service)._routes(druid_service)
    druid_service._routes = lambda: [each for each in routes if "/druid/v2" not in each[0]]

    assert DruidHook().test_connection() == (
        False,
        (
            f"Reached Druid 27.0.0 at {druid_service.url}: the list of tasks, the list of tables, statuses of many "
            f"tasks and task slots work. Host '{druid_service.url}' is a Druid process that runs no SQL: enter the "
            "address of the router, or that of a broker and coordinator_url. 6 of 6 task slots are free."
        ),
    )


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (
            "25.0.0",
            (
                "Druid 25.0.0 is older than the oldest version that this package is tested with: 27.0.0 (jobs) and "
                "33.0.0 (everything else)."
            ),
        ),
        ("35.0.1", "This package is tested with Druid 27.0.0 (jobs) and 33.0.0 (everything else), not with 35.0.1."),
    ],
)
def test_check_untested_version_is_named(druid_service, number, sentence):
    """It works, as far as the test can tell."""
    druid_service.number = number

    assert DruidHook().test_connection() == (
        True,
        f"Reached Druid {number} at {druid_service.url}: {WORKS} 6 of 6 task slots are free. {sentence} {RIGHTS}",
    )


def test_check_host_that_is_not_druid_fails_after_one_request(server, connect):
    """A server of another kind answers 404."""
    connect(CONN_ID, conn_type="apache_druid", host=server.url, password=None, extra={})

    works, text = DruidHook().test_connection()

    assert not works
    assert text.startswith("GET /status answered 404, but this isn't Druid's API: host '127.0.0.1:")
    assert len(server.requests) == 1


def test_check_host_with_a_web_page_fails(server, connect):
    """A page with status 200 is not Druid either."""
    connect(CONN_ID, conn_type="apache_druid", host=server.url, password=None, extra={})
    server.answer("GET", "/status", 200, b"<html>Welcome</html>")

    works, text = DruidHook().test_connection()

    assert (works, text) == (
        False,
        (
            f"GET /status answered 200 but the body is not JSON, or is cut off. Check that "
            f"'{server.url}' is Druid's API and that no proxy answers in its place."
        ),
    )


class Late:
    """A clock whose time is over after some calls."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self):
        self.calls -= 1
        return 0.0 if self.calls > 0 else 100.0


def test_check_when_time_is_over_says_what_was_not_tested(druid_service):
    """The limit of the whole check is that of Polaris."""
    hook = DruidHook()

    works, text = check.check_connection(CONN_ID, lambda: hook._connection_settings, clock=Late(3))

    assert works
    assert "It was not tested whether SQL queries work, because Druid answers slowly." in text
    assert druid_service.paths("GET") == ["/status"]
