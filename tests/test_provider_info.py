# SPDX-License-Identifier: Apache-2.0
"""What Airflow discovers: the provider, its connection type, its links and its assets."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.resources import files

import jsonschema
import pytest

from airflow_provider_polaris import __version__, assets
from airflow_provider_polaris.hooks.sql import DruidSqlHook, PolarisSqlHook
from airflow_provider_polaris.provider_info import get_provider_info
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION


def test_provider_info_meets_airflows_schema():
    """Airflow would only log an invalid provider, and continue without it."""
    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())

    jsonschema.validate(get_provider_info(), schema)


def test_provider_info_is_found_by_its_entry_point():
    """Discovery uses the installed package's metadata."""
    (entry,) = entry_points(group="apache_airflow_provider", module="airflow_provider_polaris.provider_info")

    assert entry.load() is get_provider_info


def test_provider_info_is_plain_json_and_made_anew_each_time():
    """A caller that changes its copy changes no other caller's."""
    first = get_provider_info()
    expected = json.loads(json.dumps(first))
    first["connection-types"][0]["conn-fields"].clear()
    first["connection-types"][0]["ui-field-behaviour"]["hidden-fields"].clear()

    assert get_provider_info() == expected


def test_providers_manager_lists_the_provider_with_the_packages_version(providers_manager):
    """``airflow providers list`` shows it."""
    provider = providers_manager.providers["airflow-provider-polaris"]

    assert (provider.version, provider.data["name"]) == (__version__, "Imply Polaris")


@pytest.mark.parametrize("hook", [PolarisSqlHook, DruidSqlHook])
def test_providers_manager_hook_of_the_type_is_ours_and_testable(providers_manager, hook):
    """The connection type leads to the hook, and the form has a Test button."""
    info = providers_manager.hooks[hook.conn_type]

    assert info is not None
    assert info.hook_class_name == f"{hook.__module__}.{hook.__name__}"
    assert info.connection_id_attribute_name == "polaris_conn_id"
    assert (info.hook_name, info.connection_type, info.connection_testable) == (hook.hook_name, hook.conn_type, True)


def test_provider_info_names_what_the_hook_is_called():
    """The form's list of types and the hook class use one name and one type."""
    types = get_provider_info()["connection-types"]

    assert [(each["hook-name"], each["connection-type"]) for each in types] == [
        (hook.hook_name, hook.conn_type) for hook in (PolarisSqlHook, DruidSqlHook)
    ]


def test_providers_manager_knows_both_links(providers_manager):
    """A link that isn't registered can't be shown by Airflow 2."""
    links = {name for name in providers_manager.extra_links_class_names if "polaris" in name}

    assert links == {
        "airflow_provider_polaris.links.polaris.PolarisJobLink",
        "airflow_provider_polaris.links.polaris.PolarisTableLink",
    }


@pytest.mark.parametrize(("scheme", "factory"), [("polaris", assets.table_asset), ("druid", assets.druid_table_asset)])
def test_providers_manager_knows_what_to_do_with_assets_of_the_scheme(providers_manager, scheme, factory):
    """Airflow 3 and Airflow 2 read two keys and find the same three functions."""
    prefix = "dataset" if AIRFLOW_VERSION < (3, 0) else "asset"

    assert getattr(providers_manager, f"{prefix}_uri_handlers")[scheme] is assets.sanitize_uri
    assert getattr(providers_manager, f"{prefix}_factories")[scheme] is factory
    assert getattr(providers_manager, f"{prefix}_to_openlineage_converters")[scheme] is assets.to_openlineage


def test_provider_info_names_only_modules_that_exist():
    """Every module named for hooks, operators and sensors can be imported."""
    info = get_provider_info()

    for kind in ("hooks", "operators", "sensors"):
        for group in info[kind]:
            for name in group["python-modules"]:
                importlib.import_module(name)


def test_provider_info_loads_nothing_but_its_own_data():
    """Airflow calls it in every process; it must not import Airflow, an HTTP library or pydantic."""
    code = (
        "import sys; from airflow_provider_polaris.provider_info import get_provider_info; get_provider_info();"
        "print(*sorted(name for name in sys.modules if name.partition('.')[0] not in sys.stdlib_module_names))"
    )
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(_root())!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert loaded == [
        "__main__",
        "airflow_provider_polaris",
        "airflow_provider_polaris.hooks",
        "airflow_provider_polaris.hooks.connections",
        "airflow_provider_polaris.hooks.connections.druid_form",
        "airflow_provider_polaris.hooks.connections.form",
        "airflow_provider_polaris.hooks.connections.polaris_form",
        "airflow_provider_polaris.provider_info",
    ]


def _root() -> str:
    import airflow_provider_polaris

    return str(next(iter(airflow_provider_polaris.__path__)).rpartition("/")[0])
