# SPDX-License-Identifier: Apache-2.0
"""Tables as assets: valid and invalid URIs, and their names in OpenLineage."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from typing import Any
from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.sdk import Asset

from airflow_provider_polaris.assets import (
    TableAddress,
    read_uri,
    sanitize_uri,
    table_asset,
    to_openlineage,
)
from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION

HOST = "acme.us-east-1.aws.api.imply.io"
PROJECT = "00000000-0000-4000-8000-000000000001"
FORM = (
    "Write it as polaris://ORG.REGION.CLOUD.api.imply.io/PROJECT_ID/TABLE, or let table_asset() of "
    "airflow_provider_polaris.assets write it."
)

airflow_3 = pytest.mark.skipif(AIRFLOW_VERSION < (3, 0), reason="Airflow 2 only warns, unless told to refuse")
airflow_2 = pytest.mark.skipif(AIRFLOW_VERSION >= (3, 0), reason="Airflow 3 always refuses")


@pytest.mark.parametrize(
    "table, encoded",
    [
        ("koalas", "koalas"),
        ("Koalas Source", "Koalas%20Source"),
        ("Köche #1: 100% (neu)?", "K%C3%B6che%20%231%3A%20100%25%20%28neu%29%3F"),
        ("a.b_c-d~e", "a.b_c-d~e"),
    ],
)
def test_table_asset_of_any_table_has_a_uri_that_airflow_leaves_alone(table: str, encoded: str):
    """Names with blanks, punctuation and letters of other alphabets survive Airflow's own normalization of URIs."""
    asset = table_asset(table, host=HOST, project_id=PROJECT, extra={"grain": "hour"})

    assert asset.uri == f"polaris://{HOST}/{PROJECT}/{encoded}"
    assert asset.extra == {"grain": "hour"}
    assert read_uri(asset.uri) == TableAddress(HOST, PROJECT, table)
    assert Asset(asset.uri).uri == asset.uri


@pytest.mark.parametrize(
    "host",
    [HOST, f"https://{HOST}", f"https://{HOST}/", f" {HOST.upper()} "],
)
def test_table_asset_of_a_pasted_host_is_the_same_asset(host: str):
    """All spellings of the host result in the same asset."""
    assert table_asset("koalas", host=host, project_id=PROJECT).uri == f"polaris://{HOST}/{PROJECT}/koalas"


@pytest.mark.parametrize("host", ["127.0.0.1:8099", "[::1]:8099", "localhost"])
def test_table_asset_of_an_emulator_keeps_its_port(host: str):
    """Two emulators on one machine have different tables."""
    asset = table_asset("koalas", host=f"http://{host}", project_id=PROJECT)

    assert asset.uri == f"polaris://{host}/{PROJECT}/koalas"
    assert read_uri(asset.uri).host == host


@airflow_3
def test_table_asset_takes_what_airflows_class_takes_but_a_name():
    """The operators emit events for the URI only, which Airflow 3 pairs with one name."""
    assert table_asset("koalas", host=HOST, project_id=PROJECT, group="rollup").group == "rollup"
    asset = table_asset("koalas", host=HOST, project_id=PROJECT)
    assert asset.name == asset.uri


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"host": "https://acme.app.imply.io"},
            (
                "host 'https://acme.app.imply.io' is the host of the Polaris console, not of its API. Write "
                "ORG.REGION.CLOUD.api.imply.io, without a path."
            ),
        ),
        (
            {"host": f"{HOST}/v1"},
            f"host '{HOST}/v1' is no host. Write ORG.REGION.CLOUD.api.imply.io, without a path.",
        ),
        ({"host": None}, "host None is no host. Write ORG.REGION.CLOUD.api.imply.io, without a path."),
        ({"host": "a..b"}, "host 'a..b' is no host. Write ORG.REGION.CLOUD.api.imply.io, without a path."),
        (
            {"project_id": "my/project"},
            (
                "project_id 'my/project' is not the id of a project. Write the id of the connection's project, such as "
                "'00000000-0000-4000-8000-000000000001'."
            ),
        ),
        (
            {"project_id": None},
            (
                "project_id None is not the id of a project. Write the id of the connection's project, such as "
                "'00000000-0000-4000-8000-000000000001'."
            ),
        ),
        ({"table": "a/b"}, "table 'a/b' contains '/', which Polaris refuses. Write 'a_b', for example."),
        ({"table": ""}, "table '' is empty: a job needs the name of a table. Write the table's name."),
    ],
)
def test_table_asset_of_impossible_names_is_refused(arguments: dict[str, Any], message: str):
    """A misspelt URI is found when the DAG is parsed, with each Airflow version."""
    with pytest.raises(PolarisSpecError) as caught:
        table_asset(**{"table": "koalas", "host": HOST, "project_id": PROJECT, **arguments})

    assert str(caught.value) == message


BAD_URIS = [
    ("polaris:///p/koalas", f"asset URI 'polaris:/p/koalas' has no host. {FORM}"),
    (
        f"polaris://{HOST}/koalas",
        f"asset URI 'polaris://{HOST}/koalas' has 1 part after the host instead of project and table. {FORM}",
    ),
    (
        f"polaris://{HOST}/p/a/b",
        f"asset URI 'polaris://{HOST}/p/a/b' has 3 parts after the host instead of project and table. {FORM}",
    ),
    (
        f"polaris://{HOST}/p/a?b=c",
        f"asset URI 'polaris://{HOST}/p/a?b=c' has a query; a '?' in the name of a table is written %3F. {FORM}",
    ),
    (
        "polaris://acme.app.imply.io/p/a",
        (
            "asset URI 'polaris://acme.app.imply.io/p/a' has the host 'acme.app.imply.io', which is the host of the "
            f"Polaris console, not of its API. {FORM}"
        ),
    ),
    (
        "polaris://a b/p/a",
        f"asset URI 'polaris://a b/p/a' has the host 'a b', which is no host. {FORM}",
    ),
    (
        f"polaris://{HOST}/my%20project/a",
        f"asset URI 'polaris://{HOST}/my%20project/a' has 'my%20project' where the id of a project belongs. {FORM}",
    ),
    (
        f"polaris://{HOST}/p/%FF",
        (
            f"asset URI 'polaris://{HOST}/p/%FF' has '%FF' where a table belongs, which is not percent-encoded UTF-8. "
            f"{FORM}"
        ),
    ),
    (
        f"polaris://{HOST}/p/%2Ehidden",
        (
            f"asset URI 'polaris://{HOST}/p/%2Ehidden': table '.hidden' begins with a dot, which Polaris refuses. "
            "Write 'hidden', or begin with a letter."
        ),
    ),
]


@airflow_3
@pytest.mark.parametrize("uri, message", BAD_URIS)
def test_asset_of_a_bad_uri_fails_the_dag_with_one_sentence(uri: str, message: str):
    """Airflow calls the registered handler, so that a handwritten URI is checked, too."""
    with pytest.raises(ValueError) as caught:
        Asset(uri)

    assert str(caught.value) == message


@airflow_2
@pytest.mark.parametrize("uri, message", BAD_URIS)
def test_dataset_of_a_bad_uri_warns_on_airflow_2_and_fails_where_airflow_is_told_to_be_strict(
    uri: str, message: str, monkeypatch: pytest.MonkeyPatch
):
    """Airflow 2.11 passes the message on as a warning; its own setting makes it an error."""
    with pytest.warns(UserWarning, match=re.escape(f"is not AIP-60 compliant: {message}")):
        Asset(uri)
    monkeypatch.setenv("AIRFLOW__CORE__STRICT_DATASET_URI_VALIDATION", "True")
    with pytest.raises(ValueError) as caught:
        Asset(uri)

    assert str(caught.value) == message


def test_uri_with_a_user_is_refused_without_showing_it():
    """A key that was pasted into a URI must not appear in the errors of a DAG."""
    with pytest.raises(PolarisSpecError) as caught:
        sanitize_uri(urlsplit(f"polaris://pok_secret@{HOST}/p/a"))

    assert str(caught.value) == (
        "an asset URI of the scheme 'polaris' contains a user, which would be visible wherever the asset is shown. "
        "Remove everything between '//' and '@', and the '@'."
    )


def test_uri_of_another_scheme_is_no_table():
    """Code that reads an asset of any kind gets an error that names the kind."""
    with pytest.raises(PolarisSpecError) as caught:
        read_uri("s3://bucket/p/a")

    assert str(caught.value) == f"asset URI 's3://bucket/p/a' has the scheme 's3'. {FORM}"


@pytest.mark.parametrize(
    "written",
    [
        f"polaris://{HOST}/{PROJECT}/Koalas Source",
        f"POLARIS://{HOST.upper()}/{PROJECT}/%4Boalas%20Source/",
        f"polaris://{HOST}/{PROJECT}/Koalas%20Source#part",
    ],
)
def test_asset_of_another_spelling_is_the_same_asset(written: str):
    """Two spellings of one table must not result in two assets, of which one never gets an event."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asset = Asset(written)

    assert asset.uri == table_asset("Koalas Source", host=HOST, project_id=PROJECT).uri


def test_asset_is_translated_by_the_openlineage_provider():
    """The real provider finds the converter and names the table as the operators' own lineage does."""
    utils = pytest.importorskip("airflow.providers.openlineage.utils.utils")

    dataset = utils.translate_airflow_asset(table_asset("Koalas v1.2", host=HOST, project_id=PROJECT), None)

    assert (dataset.namespace, dataset.name) == (f"polaris://{HOST}", f"{PROJECT}.Koalas v1.2")


def test_to_openlineage_of_another_asset_raises_nothing_but_our_own_error():
    """The OpenLineage provider continues without an asset whose converter fails."""
    pytest.importorskip("openlineage")

    with pytest.raises(PolarisSpecError) as caught:
        to_openlineage(Asset("s3://bucket/p/a"), None)

    assert str(caught.value) == f"asset URI 's3://bucket/p/a' has the scheme 's3'. {FORM}"


def test_import_of_assets_loads_neither_airflow_nor_an_http_library():
    """Airflow imports the handlers of all providers for the first asset of any kind."""
    code = (
        "import json, sys; import airflow_provider_polaris.assets;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {_root()!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout) == ["__main__", "airflow_provider_polaris"]


def _root() -> str:
    import airflow_provider_polaris

    return str(next(iter(airflow_provider_polaris.__path__)).rpartition("/")[0])
