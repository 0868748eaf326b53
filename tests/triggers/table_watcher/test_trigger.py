# SPDX-License-Identifier: Apache-2.0
"""The trigger's arguments: which ones a DAG file may pass, and what Airflow stores."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from typing import Any

import pytest

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION
from airflow_provider_polaris.triggers.polaris import PolarisTableUpdatedTrigger
from tests.triggers.conftest import database_models  # noqa: F401  # the fixture

CLASSPATH = "airflow_provider_polaris.triggers.polaris.PolarisTableUpdatedTrigger"
GIVEN = {
    "table": "Koalas Source",
    "polaris_conn_id": "other",
    "poll_interval": 12.5,
    "include_deletions": True,
}
DEFAULTS = {
    "table": "Koalas Source",
    "polaris_conn_id": "polaris_default",
    "poll_interval": 60.0,
    "include_deletions": False,
}


@pytest.mark.parametrize(("given", "arguments"), [(GIVEN, GIVEN), ({"table": "Koalas Source"}, DEFAULTS)])
def test_serialize_gives_json_scalars_by_which_the_trigger_is_made_again(
    given: dict[str, Any], arguments: dict[str, Any]
) -> None:
    """Airflow identifies triggers by them, so they must not change."""
    classpath, serialized = PolarisTableUpdatedTrigger(**given).serialize()

    assert (classpath, serialized) == (CLASSPATH, arguments)
    assert all(type(value) in (str, int, float, bool) for value in serialized.values())
    assert PolarisTableUpdatedTrigger(**json.loads(json.dumps(serialized))).serialize() == (classpath, serialized)


@pytest.mark.usefixtures("database_models")
def test_trigger_round_trips_through_airflows_row() -> None:
    """As Airflow's model encrypts and decrypts it."""
    from airflow.models.trigger import Trigger

    row = Trigger.from_object(PolarisTableUpdatedTrigger(**GIVEN))

    assert (row.classpath, row.kwargs) == (CLASSPATH, GIVEN)


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 0), reason="asset watchers came with Airflow 3")
def test_asset_watcher_takes_the_trigger_and_the_dag_can_be_serialized() -> None:
    """The scheduler's row for the DAG file has our class and its arguments."""
    from airflow.sdk import DAG, Asset, AssetWatcher

    watcher = AssetWatcher(name="koalas", trigger=PolarisTableUpdatedTrigger("Koalas Source"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from airflow.serialization.serialized_objects import SerializedDAG

        to_dict = getattr(SerializedDAG, "to_dict", None)
        if AIRFLOW_VERSION >= (3, 2):
            from airflow.serialization.serialized_objects import DagSerialization

            to_dict = DagSerialization.to_dict
    assert to_dict is not None
    with DAG("watch", schedule=[Asset("polaris://acme/p/t", watchers=[watcher])]) as dag:
        pass

    text = json.dumps(to_dict(dag))

    assert CLASSPATH in text
    assert "Koalas Source" in text


def test_triggers_share_a_poll_by_connection_and_interval() -> None:
    """For any table, and whether deletions count."""
    key = PolarisTableUpdatedTrigger("a").shared_stream_key()

    assert PolarisTableUpdatedTrigger("b", include_deletions=True).shared_stream_key() == key
    assert PolarisTableUpdatedTrigger("a", "other").shared_stream_key() != key
    assert PolarisTableUpdatedTrigger("a", poll_interval=30).shared_stream_key() != key


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"table": ""}, "table is '': it needs a value. Check the template that renders it."),
        (
            {"table": "a\u202eb"},
            (
                "table 'a\\u202eb' contains U+202E (RIGHT-TO-LEFT OVERRIDE), which is invisible and makes the name "
                "look like another. Remove it."
            ),
        ),
        (
            {"table": "t", "polaris_conn_id": None},
            "polaris_conn_id is None: it needs a value. Check the template that renders it.",
        ),
        (
            {"table": "t", "poll_interval": 0},
            "poll_interval 0 is not a positive number of seconds, such as 30.",
        ),
        ({"table": "t", "poll_interval": None}, "poll_interval is None: it needs a number of seconds, such as 60."),
        (
            {"table": "t", "include_deletions": "maybe"},
            "include_deletions 'maybe' is neither true nor false. Pass True or False, or a template of one.",
        ),
    ],
)
def test_argument_that_is_wrong_fails_when_the_dag_is_parsed(arguments: dict[str, Any], sentence: str) -> None:
    """The error appears in the DAG file, and not in a triggerer's log."""
    with pytest.raises(PolarisSpecError) as caught:
        PolarisTableUpdatedTrigger(**arguments)
    assert str(caught.value) == sentence


def test_import_loads_neither_http_nor_the_client() -> None:
    """A DAG file with a watcher is parsed repeatedly."""
    script = (
        "import sys\nimport airflow.triggers.base\nbefore = set(sys.modules)\n"
        "import airflow_provider_polaris.triggers.table_updated\nprint(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())

    assert "airflow_provider_polaris.triggers.table_updated" in loaded
    assert (
        loaded & {"requests", "airflow_provider_polaris.client", "airflow_provider_polaris.hooks.connections.read"}
        == set()
    )
