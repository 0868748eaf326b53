# SPDX-License-Identifier: Apache-2.0
"""The connection form in the tested Airflow version, and both ways to provide it to Airflow."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import types
import warnings
from typing import NamedTuple

import pytest

from airflow_provider_polaris.hooks.connections.polaris_form import POLARIS_FORM
from airflow_provider_polaris.hooks.sql import DruidSqlHook, PolarisSqlHook
from airflow_provider_polaris.runtime.compat import AIRFLOW_VERSION, FORM_COMES_FROM_PROVIDER_INFO

NAMES = [
    "project_id",
    "auth",
    "client_id",
    "client_secret",
    "token_url",
    "console_url",
    "submit_marker",
    "verify",
    "proxies",
    "request_timeout",
]


class Form(NamedTuple):
    """A connection form."""

    fields: list[str]
    secrets: list[str]
    hidden: list[str]
    titles: dict[str, str]
    placeholders: dict[str, str]


#: What Airflow 3 gives its user interface. A process reads the hooks once, and 3.1 has the form only if this is the
#: first time, so a separate process reads it.
ASK = """
import json, sys
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
wanted = ("polaris", "apache_druid")
ours = {each.connection_type: each.model_dump() for each in HookMetaService.hook_meta_data()}
json.dump({name: ours[name] for name in wanted}, open(sys.argv[1], "w"))
"""


@pytest.fixture(scope="module")
def airflow_forms(tmp_path_factory):
    """Return our fields in the forms of the running Airflow, by connection type."""
    if AIRFLOW_VERSION < (3, 0):
        return {name: _form_of_airflow_2(name) for name in ("polaris", "apache_druid")}
    if AIRFLOW_VERSION < (3, 1) and not importlib.util.find_spec("flask_appbuilder"):
        pytest.skip("Airflow 3.0 shows the fields of no provider where its FAB provider isn't installed")
    file = tmp_path_factory.mktemp("form") / "form.json"
    subprocess.run([sys.executable, "-c", ASK, str(file)], check=True, capture_output=True, timeout=300)
    return {name: _form_of_airflow_3(ours) for name, ours in json.loads(file.read_text()).items()}


@pytest.fixture
def airflow_form(airflow_forms):
    """Return our fields in the form of a connection to Polaris."""
    return airflow_forms["polaris"]


def _form_of_airflow_3(ours):
    standard = {name: field for name, field in ours["standard_fields"].items() if field}
    return Form(
        list(ours["extra_fields"]),
        [name for name, field in ours["extra_fields"].items() if field["schema"].get("format") == "password"],
        [name.removeprefix("url_") for name, field in standard.items() if field["hidden"]],
        {name: field["title"] for name, field in standard.items() if field["title"]},
        {name: field["placeholder"] for name, field in standard.items() if field["placeholder"]},
    )


def _form_of_airflow_2(conn_type):
    from airflow.providers_manager import ProvidersManager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other providers' hooks
        manager = ProvidersManager()
        widgets = [
            info for name, info in manager.connection_form_widgets.items() if name.startswith(f"extra__{conn_type}")
        ]
        behaviour = manager.field_behaviours[conn_type]
    return Form(
        [info.field_name for info in widgets],
        [info.field_name for info in widgets if info.is_sensitive],
        list(behaviour["hidden_fields"]),
        behaviour["relabeling"],
        {name: text for name, text in behaviour["placeholders"].items() if "__" not in name},
    )


def test_airflow_form_has_each_field_of_the_extra_once_and_in_order(airflow_form):
    """The form of the running Airflow has every key that the hook reads."""
    assert airflow_form.fields == NAMES


def test_airflow_form_hides_only_the_client_secret_among_the_extras(airflow_form):
    """The secret is shown as dots; nothing else is, so that users can read their input."""
    assert airflow_form.secrets == ["client_secret"]


def test_airflow_form_renames_host_and_password_and_hides_what_polaris_has_not(airflow_form):
    """The standard fields describe their input."""
    assert sorted(airflow_form.hidden) == ["login", "port", "schema"]
    assert airflow_form.titles == {"host": "Polaris API URL", "password": "API key"}
    assert airflow_form.placeholders == {"host": "https://ORG.REGION.CLOUD.api.imply.io", "password": "pok_..."}


def test_airflow_form_of_druid_has_its_own_fields(airflow_forms):
    """Login and password are shown, no extra is secret, and the host is the router's."""
    druid = airflow_forms["apache_druid"]

    assert druid.fields == [
        "auth",
        "coordinator_url",
        "console_url",
        "submit_marker",
        "verify",
        "client_cert",
        "client_key",
        "proxies",
        "request_timeout",
    ]
    assert (druid.secrets, sorted(druid.hidden)) == ([], ["port", "schema"])
    assert druid.titles == {"host": "Router URL"}
    assert druid.placeholders == {"host": "https://router.example.com:8888"}


def test_conn_fields_auth_is_a_closed_choice_with_the_vendors_form_as_default():
    """A choice can't be misspelt."""
    assert POLARIS_FORM.conn_fields()["auth"]["schema"] == {
        "type": "string",
        "enum": ["api_key", "raw_api_key", "oauth"],
        "default": "api_key",
    }


def test_conn_fields_request_timeout_has_bounds_and_a_default():
    """The form rejects what the hook would reject."""
    assert POLARIS_FORM.conn_fields()["request_timeout"]["schema"] == {
        "type": ["integer", "null"],
        "default": 20,
        "minimum": 1,
        "maximum": 600,
    }


def test_conn_fields_client_secret_is_a_password():
    """Airflow neither shows nor returns it."""
    assert POLARIS_FORM.conn_fields()["client_secret"]["schema"] == {
        "type": ["string", "null"],
        "format": "password",
        "default": None,
    }


@pytest.mark.parametrize("hook", [PolarisSqlHook, DruidSqlHook])
def test_hook_has_form_methods_only_where_airflow_reads_them(hook):
    """Airflow 3.2 and later warns about a hook that defines them; earlier ones have no other source."""
    defined = {"get_connection_form_widgets", "get_ui_field_behaviour"} & set(vars(hook))

    expected = set() if FORM_COMES_FROM_PROVIDER_INFO else {"get_connection_form_widgets", "get_ui_field_behaviour"}
    assert defined == expected


class _Field:
    """Accepts the arguments of a WTForms field; Airflow 3.0 and 3.1 also replace WTForms with such stubs."""

    def __init__(self, label, validators, description, default, widget):
        self.label, self.validators, self.description, self.default = label, validators, description, default
        self.widget = widget


class _Number(_Field):
    pass


class _Secret(_Field):
    pass


@pytest.fixture
def wtforms_stand_ins(monkeypatch):
    """Provide the modules that only old Airflow versions have."""
    modules = {
        "wtforms": {"IntegerField": _Number, "PasswordField": _Secret, "StringField": _Field},
        "wtforms.validators": {"Optional": lambda: "optional", "any_of": lambda words: ("any of", words)},
        "flask_appbuilder": {},
        "flask_appbuilder.fieldwidgets": {
            "BS3PasswordFieldWidget": lambda: "dots",
            "BS3TextFieldWidget": lambda: "line",
        },
    }
    for name, attributes in modules.items():
        module = types.ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.usefixtures("wtforms_stand_ins")
def test_form_widgets_are_the_same_fields_as_conn_fields():
    """One description serves old and new Airflow: labels, help texts and defaults agree."""
    widgets = POLARIS_FORM.widgets()

    assert {name: (widget.label, widget.description, widget.default) for name, widget in widgets.items()} == {
        name: (entry["label"], entry["description"], entry["schema"]["default"])
        for name, entry in POLARIS_FORM.conn_fields().items()
    }
    assert [name for name, widget in widgets.items() if isinstance(widget, _Number)] == ["request_timeout"]
    assert [name for name, widget in widgets.items() if isinstance(widget, _Secret)] == ["client_secret"]
    assert widgets["client_secret"].widget == "dots"
    assert widgets["project_id"].widget == "line"


@pytest.mark.usefixtures("wtforms_stand_ins")
def test_form_widgets_pass_when_empty_because_all_types_share_a_page():
    """Saving a connection of another type must not fail because of a hidden field of ours."""
    widgets = POLARIS_FORM.widgets()

    assert {name: widget.validators[0] for name, widget in widgets.items()} == dict.fromkeys(NAMES, "optional")
    assert widgets["auth"].validators[1] == ("any of", ["api_key", "raw_api_key", "oauth"])
