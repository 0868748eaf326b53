# SPDX-License-Identifier: Apache-2.0
"""
Provider metadata for Airflow's provider discovery; imports the standard library only.

Airflow 3.3 calls this in every process that imports Airflow, so it must be fast and must not fail.
"""

from __future__ import annotations

from typing import Any

_NAME = "Imply Polaris"
_PACKAGE = "airflow_provider_polaris"


def get_provider_info() -> dict[str, Any]:
    """
    Return the provider metadata: version, connection type with its form, hook, operators, sensors, links and assets.

    The macros are not included: by default Airflow doesn't load a provider's plugins (see ``macros/plugin.py``).

    Source: ``provider_info.schema.json`` and ``provider.yaml.schema.json`` of Airflow 3.3.2.
    """
    from airflow_provider_polaris import __version__
    from airflow_provider_polaris.hooks.connection_form import conn_fields, ui_field_behaviour

    return {
        "package-name": "airflow-provider-polaris",
        "name": _NAME,
        "description": "Rollup and data-aging pipelines on `Imply Polaris <https://docs.imply.io/polaris/>`__, "
        "a managed Apache Druid.",
        "versions": [__version__],
        "integrations": [
            {"integration-name": _NAME, "external-doc-url": "https://docs.imply.io/polaris/", "tags": ["service"]}
        ],
        "hooks": [_modules("hooks")],
        "operators": [_modules("operators")],
        "sensors": [_modules("sensors")],
        "connection-types": [
            {
                "connection-type": "polaris",
                "hook-class-name": f"{_PACKAGE}.hooks.polaris.PolarisHook",
                "hook-name": _NAME,
                "ui-field-behaviour": ui_field_behaviour(),
                "conn-fields": conn_fields(),
            }
        ],
        "cli": [f"{_PACKAGE}.cli.get_cli_commands"],  # read by 3.2 and newer
        "extra-links": [
            f"{_PACKAGE}.links.polaris.PolarisJobLink",
            f"{_PACKAGE}.links.polaris.PolarisTableLink",
        ],
        "asset-uris": [_asset_uris()],
        "dataset-uris": [_asset_uris()],  # what Airflow reads before 3.0
    }


def _modules(kind: str) -> dict[str, Any]:
    return {"integration-name": _NAME, "python-modules": [f"{_PACKAGE}.{kind}.polaris"]}


def _asset_uris() -> dict[str, Any]:
    return {
        "schemes": ["polaris"],
        "handler": f"{_PACKAGE}.assets.sanitize_uri",
        "factory": f"{_PACKAGE}.assets.table_asset",
        "to_openlineage_converter": f"{_PACKAGE}.assets.to_openlineage",
    }
