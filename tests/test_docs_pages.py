# SPDX-License-Identifier: Apache-2.0
"""Every name on the pages exists, and every public name is on the pages."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_polaris.cli.commands import COMMANDS, Command, Group
from airflow_provider_polaris.hooks.connections.druid_form import DRUID_FORM
from airflow_provider_polaris.hooks.connections.form import ConnectionForm
from airflow_provider_polaris.hooks.connections.polaris_form import POLARIS_FORM
from airflow_provider_polaris.hooks.connections.read import read_connection
from airflow_provider_polaris.jobs import errors

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "airflow_provider_polaris"
#: Placeholder in a message for a value of its source.
VALUE = "…"
#: Modules from which users import.
PUBLIC = (
    "assets",
    "client",
    "hooks.druid",
    "hooks.polaris",
    "jobs",
    "links.polaris",
    "macros",
    "operators.polaris",
    "retry_policies",
    "sensors.polaris",
    "task_groups.polaris",
    "testing",
    "triggers.polaris",
)


def _page(name: str) -> str:
    return (DOCS / name).read_text()


def _sources() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if "emulator" not in path.relative_to(PACKAGE).parts:
            yield path.read_text()


def _error_classes() -> list[str]:
    """Return the names of the whole class tree, in any module."""
    bases = {
        match[1]: re.findall(r"\w+", match[2])
        for source in _sources()
        for match in re.finditer(r"^class (\w+)\(([\w, ]+)\):", source, re.MULTILINE)
    }
    tree = {"PolarisError"}
    while more := {name for name, parents in bases.items() if tree & {*parents}} - tree:
        tree |= more
    return sorted(name for name in tree if name.startswith("Polaris"))  # others are explained by their base class


def test_error_classes_are_found() -> None:
    """The two classes outside of the module of errors are included."""
    found = _error_classes()
    assert {"PolarisError", "PolarisJobTimeoutError", "PolarisRecordError", "PolarisGuardUnansweredError"} <= {*found}


@pytest.mark.parametrize("name", _error_classes())
def test_error_class_has_its_entry(name: str) -> None:
    """The command in the log of a failed task prints an entry."""
    assert f"\n## {name}\n" in _page("troubleshooting.md")


def test_error_of_another_name_is_explained_as_its_base() -> None:
    """An error of a user, or an internal one, has no entry of its own."""

    class TooManyKoalasError(errors.PolarisGuardError):
        pass

    assert TooManyKoalasError.explained_by() == errors.PolarisGuardError.explained_by()


def _spoken() -> str:
    """Return every text of the package, with its values replaced by an ellipsis, one per line."""
    texts = []
    for source in _sources():
        tree = ast.parse(source)
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else VALUE for part in node.values)
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
                texts.append(node.value)
    return "\n".join(texts)


def test_troubleshooting_quotes_are_what_the_package_says() -> None:
    """A user who searches the page for words of a message finds them."""
    spoken = _spoken()
    section = _page("troubleshooting.md").split("\n## PolarisError\n")[1]
    quotes = re.findall(r"^\| `(.+?)`(?: with \d+)? \|", section, re.MULTILINE)
    assert len(quotes) > 60
    pieces = [piece.strip(" .,:()") for quote in quotes for piece in quote.split(VALUE)]
    assert [piece for piece in pieces if piece and piece not in spoken] == []


@pytest.mark.parametrize(("page", "form"), [("connection.md", POLARIS_FORM), ("druid.md", DRUID_FORM)])
def test_connection_page_has_every_field_with_its_default(page: str, form: ConnectionForm) -> None:
    """A row names each key of the extra and its default."""
    rows = dict(re.findall(r"^\| (`.+?`) \| (.*?) \|", _page(page), re.MULTILINE))
    defaults = {name: value for names, value in rows.items() for name in re.findall(r"`(\w+)`", names)}
    for field in form.fields:
        assert field.name in defaults
        assert field.default is None or defaults[field.name] == f"`{field.default}`"


@pytest.mark.parametrize("form", ["{", "polaris://"])
def test_connection_page_examples_are_read_as_they_stand(form: str) -> None:
    """Both forms of the variable give host, key and project."""
    from airflow.models.connection import Connection

    (value,) = re.findall(rf"AIRFLOW_CONN_POLARIS_DEFAULT='({re.escape(form)}[^']*)'", _page("connection.md"))
    connection = Connection.from_json(value) if form == "{" else Connection(uri=value)
    settings = read_connection(connection, "polaris_default").client
    assert settings.base_url.removesuffix(":443").lower() == "https://org.region.cloud.api.imply.io"
    assert (settings.api_key, settings.project_id) == ("pok_KEY", "PROJECT_ID")


@pytest.mark.parametrize("form", ["{", "apache-druid://"])
def test_druid_page_examples_are_read_as_they_stand(form: str) -> None:
    """Both forms of the variable give router, login and password."""
    from airflow.models.connection import Connection

    (value,) = re.findall(rf"AIRFLOW_CONN_POLARIS_DEFAULT='({re.escape(form)}[^']*)'", _page("druid.md"))
    connection = Connection.from_json(value) if form == "{" else Connection(uri=value)
    settings = read_connection(connection, "polaris_default").client
    assert (settings.base_url, settings.auth) == ("https://router:8888", "basic")
    assert (settings.login, settings.password) == ("airflow", "PASSWORD")


@pytest.mark.parametrize("module", PUBLIC)
def test_reference_has_every_public_name(module: str) -> None:
    """Every importable name is in the reference."""
    imported = importlib.import_module(f"airflow_provider_polaris.{module}")
    names = getattr(imported, "__all__", None) or [
        name
        for name, value in vars(imported).items()
        if not name.startswith("_") and inspect.isclass(value) and value.__module__ == imported.__name__
    ]
    reference = "\n".join(path.read_text() for path in sorted((DOCS / "api").glob("*.rst")))
    errors_page = (DOCS / "api" / "errors.rst").read_text()
    assert "automodule:: airflow_provider_polaris.jobs.errors\n   :members:" in errors_page
    for name in names:
        is_error = getattr(errors, name, None) is not None
        assert is_error or re.search(rf"\b{name}\b", reference), name


def _commands(entries: tuple[Command | Group, ...], prefix: str = "") -> Iterator[tuple[str, Command]]:
    for entry in entries:
        if isinstance(entry, Group):
            yield from _commands(entry.commands, f"{prefix}{entry.name} ")
        else:
            yield f"{prefix}{entry.name}", entry


def test_command_line_page_has_every_command_and_option() -> None:
    """Each command has a row with its own options; the common ones are below."""
    page = _page("command-line.md")
    rows = re.findall(r"^\| `([a-z ]+?)(?: [A-Z\[].*?)?` \|", page, re.MULTILINE)
    commands = dict(_commands(COMMANDS))
    assert sorted(rows) == sorted(commands)
    for name, command in commands.items():
        (row,) = re.findall(rf"^\| `{name}\b.*", page, re.MULTILINE)
        for argument in command.arguments:
            flag = argument.flags[0]
            if flag in ("--conn-id", "--output"):
                assert f"`{flag}" in page
            elif flag.startswith("--"):
                assert flag in row, (name, flag)


def test_how_to_pages_name_every_operator_sensor_and_group() -> None:
    """Each building block of a DAG has a page."""
    told = "\n".join(path.read_text() for path in sorted((DOCS / "howto").glob("*.md")))
    for module in ("operators", "sensors", "task_groups"):
        for name in importlib.import_module(f"airflow_provider_polaris.{module}.polaris").__all__:
            assert f"`{name}`" in told, name
