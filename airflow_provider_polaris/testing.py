# SPDX-License-Identifier: Apache-2.0
"""
A pytest plugin for tests of your own DAGs: run a Polaris emulator in the test process.

.. code-block:: python

    def test_my_dag(polaris_emulator):
        polaris_emulator.load("events", [{"__time": "2024-06-01T00:30:00Z", "city": "Cairns"}])
        my_dag.test(logical_date=datetime(2024, 6, 2, tzinfo=timezone.utc))  # the run that has 1 June
        assert polaris_emulator.query('SELECT COUNT(*) AS "n" FROM "events_hourly"') == [{"n": 1}]

Before Airflow 3 the argument is ``execution_date``. ``dag.test()`` needs Airflow's database (``airflow db migrate``).

pytest finds the fixture if the package is installed with its extra ``emulator``. Each test gets its own emulator on a
free port of 127.0.0.1, and ``AIRFLOW_CONN_POLARIS_DEFAULT`` points to it until the test ends. With pytest-socket, allow
that address: ``--allow-hosts=127.0.0.1``. One server thread runs the emulators of all tests of a session (with
pytest-xdist: of a worker). The first test that uses the fixture starts it. The port closes with its test, so a late
request reaches no other test. A marker sets the emulator's options::

    @pytest.mark.polaris_emulator(progression="polls=2", assume={"empty_replace": "keep"}, conn_id="polaris_eu")

The report of a failed test has its own section with its newest jobs and the rejected requests.

pytest imports this module in every run, so it imports neither the emulator nor Airflow before a test uses the fixture.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow_provider_polaris.emulator.server import EmulatorServer
    from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator as PolarisEmulator

_MARKER = "polaris_emulator"
_SERVER = "_polaris_emulator_server"
_OPTIONS = ("progression", "assume", "conn_id")
_IN_USE: pytest.StashKey[PolarisEmulator] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(progression='immediate', assume={{}}, conn_id='polaris_default'): "
        "how the emulator of the fixture behaves",
    )


@pytest.hookimpl(hookwrapper=True, tryfirst=True)  # outermost, so that an expected failure doesn't count as a failure
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add the emulator's jobs to the report of a failed test."""
    report: pytest.TestReport = (yield).get_result()
    if report.failed and (emulator := item.stash.get(_IN_USE, None)) is not None:
        report.sections.append((_MARKER, emulator.report()))


@pytest.fixture(scope="session", name=_SERVER)
def _server() -> Iterator[EmulatorServer]:
    """Run the server of all emulators of a session."""
    from airflow_provider_polaris.emulator.server import EmulatorServer

    with EmulatorServer() as server:
        yield server


@pytest.fixture(name=_MARKER)
def _polaris_emulator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[PolarisEmulator]:
    """Run a Polaris emulator in this process for one test, with an Airflow connection to it."""
    options = _options(request)
    try:
        from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator, read_settings

        server: EmulatorServer = request.getfixturevalue(_SERVER)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == __name__.partition(".")[0]:
            raise  # a module of this package is missing or broken; installing an extra doesn't help
        pytest.fail(
            f"the fixture 'polaris_emulator' needs {error.name!r}, which is not installed. "
            "Run: pip install 'airflow-provider-polaris[emulator]'",
            pytrace=False,
        )
    conn_id = str(options.pop("conn_id", "polaris_default"))
    try:
        settings = read_settings(**options)
    except ValueError as error:
        pytest.fail(f"marker {_MARKER!r}: {error}", pytrace=False)
    with server.emulator(settings) as running:
        request.node.stash[_IN_USE] = emulator = PolarisEmulator(running)
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", emulator.connection_json)
        yield emulator
        del request.node.stash[_IN_USE]


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the merged options of a test's markers; the nearest marker takes precedence."""
    options: dict[str, Any] = {}
    for marker in request.node.iter_markers(_MARKER):
        unknown = sorted(marker.kwargs.keys() - set(_OPTIONS))
        if marker.args or unknown:
            said = repr(marker.args[0]) if marker.args else repr(unknown[0])
            pytest.fail(
                f"marker {_MARKER!r} has no option {said}: its options are {', '.join(_OPTIONS)}, as keyword "
                f"arguments.",
                pytrace=False,
            )
        options = {**marker.kwargs, **options}
    return options


def __getattr__(name: str) -> Any:
    """Return ``PolarisEmulator`` on demand, for annotations."""
    if name == "PolarisEmulator":
        from airflow_provider_polaris.emulator.testing.fixture import PolarisEmulator

        return PolarisEmulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
