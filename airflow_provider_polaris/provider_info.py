# SPDX-License-Identifier: Apache-2.0
"""
Provider metadata for Airflow's provider discovery; imports the standard library only.

Airflow 3.3 calls this in every process that imports Airflow, so it must be fast and must not fail.
"""

from __future__ import annotations

from typing import Any

_NAME = "Imply Polaris"
_DRUID = "Apache Druid"
_PACKAGE = "airflow_provider_polaris"


def get_provider_info() -> dict[str, Any]:
    """
    Return the provider metadata: version, connection types with forms, hooks, operators, sensors, links and assets.

    The macros are not included: by default Airflow doesn't load a provider's plugins (see ``macros/plugin.py``).

    Source: ``provider_info.schema.json`` and ``provider.yaml.schema.json`` of Airflow 3.3.2.
    """
    from airflow_provider_polaris import __version__
    from airflow_provider_polaris.hooks.connections.druid_form import DRUID_FORM
    from airflow_provider_polaris.hooks.connections.polaris_form import POLARIS_FORM

    return {
        "package-name": "airflow-provider-polaris",
        "name": _NAME,
        "description": "Rollup and data-aging pipelines on `Imply Polaris <https://docs.imply.io/polaris/>`__, "
        "a managed Apache Druid, and on a self-hosted Druid.",
        "versions": [__version__],
        "integrations": [
            {"integration-name": _NAME, "external-doc-url": "https://docs.imply.io/polaris/", "tags": ["service"]},
            {
                "integration-name": _DRUID,
                "external-doc-url": "https://druid.apache.org/docs/latest/",
                "tags": ["apache"],
            },
        ],
        "hooks": [
            {"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.hooks.polaris", f"{_PACKAGE}.hooks.sql"]},
            {"integration-name": _DRUID, "python-modules": [f"{_PACKAGE}.hooks.druid"]},
        ],
        "operators": [_modules("operators")],
        "sensors": [_modules("sensors")],
        "connection-types": [
            {
                "connection-type": "polaris",
                "hook-class-name": f"{_PACKAGE}.hooks.sql.PolarisSqlHook",
                "hook-name": _NAME,
                "ui-field-behaviour": POLARIS_FORM.ui_field_behaviour(),
                "conn-fields": POLARIS_FORM.conn_fields(),
            },
            {
                "connection-type": "apache_druid",
                "hook-class-name": f"{_PACKAGE}.hooks.sql.DruidSqlHook",
                "hook-name": _DRUID,
                "ui-field-behaviour": DRUID_FORM.ui_field_behaviour(),
                "conn-fields": DRUID_FORM.conn_fields(),
            },
        ],
        "cli": [f"{_PACKAGE}.cli.get_cli_commands"],  # read by 3.2 and newer
        "extra-links": [
            f"{_PACKAGE}.links.polaris.PolarisJobLink",
            f"{_PACKAGE}.links.polaris.PolarisTableLink",
        ],
        "asset-uris": _asset_uris(),
        "dataset-uris": _asset_uris(),  # what Airflow reads before 3.0
    }


def _modules(kind: str) -> dict[str, Any]:
    return {"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.{kind}.polaris"]}


def _asset_uris() -> list[dict[str, Any]]:
    return [
        {
            "schemes": [scheme],
            "handler": f"{_PACKAGE}.assets.sanitize_uri",
            "factory": f"{_PACKAGE}.assets.{factory}",
            "to_openlineage_converter": f"{_PACKAGE}.assets.to_openlineage",
        }
        for scheme, factory in (("polaris", "table_asset"), ("druid", "druid_table_asset"))
    ]
