# SPDX-License-Identifier: Apache-2.0
"""Every client implements the protocol with the same parameters; mypy checks the types, these tests the names."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_polaris
from airflow_provider_polaris.client import PolarisClient
from airflow_provider_polaris.client.capabilities import Capabilities
from airflow_provider_polaris.client.druid.client import DruidClient
from airflow_provider_polaris.client.joint_reads import JointReads
from airflow_provider_polaris.client.service import IngestionService
from tests.client.conftest import MakeClient

CLIENTS = [PolarisClient, DruidClient]
MEMBERS = sorted(
    name
    for protocol in (IngestionService, JointReads)
    for name in vars(protocol)
    if not name.startswith("_") or name in ("__enter__", "__exit__")
)
#: Names of a client in the package's own code.
RECEIVERS = {"client", "_client", "_connect", "get_client"}


def mismatches(protocol: type, client: type) -> Iterator[str]:
    """Yield each member of the protocol that a client lacks, or whose parameters differ."""
    for name in MEMBERS:
        wanted, found = inspect.getattr_static(protocol, name), inspect.getattr_static(client, name, None)
        if found is None or isinstance(wanted, property) != isinstance(found, property):
            yield name
            continue
        if isinstance(wanted, property):
            continue
        offered = inspect.signature(found).parameters
        required = inspect.signature(wanted).parameters
        for key, parameter in required.items():
            other = offered.get(key)
            if other is None or (other.kind, other.default) != (parameter.kind, parameter.default):
                yield f"{name}({key})"
        for key in offered.keys() - required.keys():
            if offered[key].default is inspect.Parameter.empty:
                yield f"{name} needs {key}"


@pytest.mark.parametrize("client", CLIENTS)
def test_client_has_every_method_of_the_protocol_with_its_parameters(client: type) -> None:
    """A caller can use any client: equal names, kinds and defaults, and no other required parameter."""
    assert list(mismatches(IngestionService, client)) == []


def test_comparison_finds_what_is_missing_and_what_differs() -> None:
    """The comparison itself is not empty."""

    class Poor:
        capabilities = project_id = property()

        def get_job(self, job: str) -> dict[str, Any]: ...

        def cancel_query(self, query_id: str, reason: str) -> None: ...

    found = list(mismatches(IngestionService, Poor))
    assert "get_table" in found
    assert {"get_job(job_id)", "get_job needs job", "cancel_query needs reason"} <= set(found)
    assert "capabilities" not in found


def called_methods() -> set[str]:
    """Return the names of the methods that the package calls on a client, outside of the client."""
    package = Path(airflow_provider_polaris.__file__).parent
    names = set()
    for path in package.rglob("*.py"):
        if path.relative_to(package).parts[0] in ("client", "emulator"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            receiver = node.func.value
            receiver = receiver.func if isinstance(receiver, ast.Call) else receiver
            name = getattr(receiver, "attr", None) or getattr(receiver, "id", None)
            if name in RECEIVERS:
                names.add(node.func.attr)
    return names


def test_protocol_has_the_methods_that_the_package_calls_and_no_others() -> None:
    """The protocol grows with its callers; ``create_table`` belongs to the hook of Polaris alone."""
    methods = {name for name in MEMBERS if not isinstance(getattr(IngestionService, name), property)}
    assert called_methods() & set(dir(PolarisClient)) == methods - {"__enter__", "__exit__"} | {"create_table"}


def test_capabilities_of_polaris(make_client: MakeClient) -> None:
    """What callers may rely on with Polaris."""
    client = make_client()
    assert client.capabilities == Capabilities(
        idempotent_submission=False,
        bulk_status=False,
        cancels_deletions=False,
        exact_deletions=False,
        restores_versions=True,
        soft_delete=True,
        forgets_empty_tables=False,
        percent_progress=True,
    )
    assert client.project_id == "p1"
