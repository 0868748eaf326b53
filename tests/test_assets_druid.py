# SPDX-License-Identifier: Apache-2.0
"""Tables of a self-hosted Druid as assets."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.sdk import Asset

from airflow_provider_polaris.assets import TableAddress, druid_table_asset, read_uri, sanitize_uri
from airflow_provider_polaris.jobs.errors import PolarisSpecError


@pytest.mark.parametrize("host", ["router.example.com:8888", "https://Router.example.com:8888/"])
def test_druid_table_asset_has_no_project(host: str):
    """Host and table; all spellings of the host result in the same asset."""
    asset = druid_table_asset("Koalas Source", host=host, extra={"grain": "hour"})

    assert asset.uri == "druid://router.example.com:8888/Koalas%20Source"
    assert asset.extra == {"grain": "hour"}
    assert read_uri(asset.uri) == TableAddress("router.example.com:8888", "", "Koalas Source", "druid")
    assert Asset("druid://ROUTER.example.com:8888/Koalas Source").uri == asset.uri


DRUID_FORM = (
    "Write it as druid://ROUTER:PORT/TABLE, or let druid_table_asset() of airflow_provider_polaris.assets write it."
)


@pytest.mark.parametrize(
    "uri, message",
    [
        (
            "druid://router:8888/p/koalas",
            f"asset URI 'druid://router:8888/p/koalas' has 2 parts after the host instead of table. {DRUID_FORM}",
        ),
        ("druid:///koalas", f"asset URI 'druid:/koalas' has no host. {DRUID_FORM}"),
        (
            "druid://airflow:s3cret@router/koalas",
            (
                "an asset URI of the scheme 'druid' contains a user, which would be visible wherever the asset is "
                "shown. Remove everything between '//' and '@', and the '@'."
            ),
        ),
    ],
)
def test_uri_of_a_druid_without_host_or_with_project_is_refused(uri: str, message: str):
    """The message has the form of the scheme."""
    with pytest.raises(PolarisSpecError) as caught:
        sanitize_uri(urlsplit(uri))

    assert str(caught.value) == message


def test_druid_table_asset_of_no_host_is_refused():
    """When the DAG is parsed."""
    with pytest.raises(PolarisSpecError) as caught:
        druid_table_asset("koalas", host="router/druid")

    assert str(caught.value) == "host 'router/druid' is no host. Write the router's host and port, without a path."


def test_druid_asset_is_translated_by_the_openlineage_provider():
    """As the operators' own lineage names it."""
    utils = pytest.importorskip("airflow.providers.openlineage.utils.utils")

    dataset = utils.translate_airflow_asset(druid_table_asset("Koalas v1.2", host="router:8888"), None)

    assert (dataset.namespace, dataset.name) == ("druid://router:8888", "Koalas v1.2")
