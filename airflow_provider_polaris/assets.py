# SPDX-License-Identifier: Apache-2.0
"""
Tables as Airflow's assets; performs no I/O and reads no connection.

A table of Polaris is ``polaris://HOST/PROJECT_ID/TABLE``, a table of a self-hosted Druid ``druid://HOST/TABLE``.

The provider info names four functions: :func:`sanitize_uri` (Airflow 3 calls it for each URI of the two schemes),
:func:`table_asset` and :func:`druid_table_asset` (the factories) and :func:`to_openlineage`. Airflow
imports this module as soon as a DAG has any asset, so all other imports are deferred until use.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import SplitResult, quote_from_bytes, unquote_to_bytes, urlsplit

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.tables.name import check_table_name
from airflow_provider_polaris.jobs.time.instant import quote

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset
    from airflow.providers.common.compat.sdk import Asset


class _Scheme(NamedTuple):
    """
    A scheme of asset URIs.

    :param parts: What follows the host.
    :param host: How to write the host.
    :param form: How to write a URI.
    """

    parts: tuple[str, ...]
    host: str
    form: str


_POLARIS: Final = "polaris"
_SCHEMES: Final = {
    _POLARIS: _Scheme(
        ("project", "table"),
        "Write ORG.REGION.CLOUD.api.imply.io, without a path.",
        "Write it as polaris://ORG.REGION.CLOUD.api.imply.io/PROJECT_ID/TABLE, or let table_asset() of "
        "airflow_provider_polaris.assets write it.",
    ),
    "druid": _Scheme(
        ("table",),
        "Write the router's host and port, without a path.",
        "Write it as druid://ROUTER:PORT/TABLE, or let druid_table_asset() of airflow_provider_polaris.assets write "
        "it.",
    ),
}
_WEB: Final = re.compile(r"https?://", re.IGNORECASE)
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_-]|\.(?=[a-z0-9_-]))*)(:\d{1,5})?", re.ASCII)
_PROJECT: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_CONSOLE: Final = ".app.imply.io"


class TableAddress(NamedTuple):
    """
    The address of a table.

    :param host: Host of the API in lower case, with its port if it has one.
    :param project_id: Id of the project; empty for a self-hosted Druid.
    :param table: Name of the table.
    :param scheme: ``polaris`` or ``druid``.
    """

    host: str
    project_id: str
    table: str
    scheme: str = _POLARIS

    @property
    def uri(self) -> str:
        """The asset's URI. All characters of the table's name except letters, digits and ``-._~`` are encoded."""
        return "/".join(filter(None, (self.namespace, self.project_id, _encode(self.table))))

    @property
    def namespace(self) -> str:
        """OpenLineage's namespace: the service."""
        return f"{self.scheme}://{self.host}"

    @property
    def name(self) -> str:
        """OpenLineage's name within the namespace: project, if any, and table; a project's id has no dot."""
        return f"{self.project_id}.{self.table}" if self.project_id else self.table


def table_address(table: str, *, host: str, project_id: str = "", scheme: str = _POLARIS) -> TableAddress:
    """
    Validate and normalize the address of a table.

    :param table: Name of the table.
    :param host: ``ORG.REGION.CLOUD.api.imply.io``, in any case; ``https://`` before it and ``/`` after it are dropped.
        For ``druid`` the host and port of the router.
    :param project_id: Id of the project, for ``polaris``.
    :param scheme: ``polaris`` or ``druid``.
    :raises PolarisSpecError: A value is invalid; the message states which.
    """
    check_table_name(table, "table")
    problem = _problem_of_host(_bare(host))
    if problem:
        raise PolarisSpecError(f"host {quote(host)} {problem}. {_SCHEMES[scheme].host}")
    if "project" in _SCHEMES[scheme].parts and not _is_project(project_id):
        raise PolarisSpecError(
            f"project_id {quote(project_id)} is not the id of a project. Write the id of the connection's project, "
            "such as '00000000-0000-4000-8000-000000000001'."
        )
    return TableAddress(_bare(host), project_id, table, scheme)


def table_asset(table: str, *, host: str, project_id: str, **options: Any) -> Asset:
    """
    Create the asset of a Polaris table, for ``schedule``, ``inlets`` and ``outlets``.

    .. code-block:: python

        HOURLY = table_asset("Koalas Hourly", host="acme.us-east-1.aws.api.imply.io", project_id=PROJECT_ID)

        with DAG("daily", schedule=[HOURLY]): ...

    Airflow parses a DAG without its connections, so host and project are arguments. They must equal those of the job's
    connection. The asset's name is its URI; no option changes it, because Airflow 3 allows only one URI per name.

    :param table: Name of the table.
    :param host: Host of the regional API, ``ORG.REGION.CLOUD.api.imply.io``.
    :param project_id: Id of the project.
    :param options: Other arguments of Airflow's class: ``extra``; since Airflow 3 ``group`` and ``watchers``.
    :return: Airflow's ``Asset`` (``Dataset`` before 3.0).
    :raises PolarisSpecError: As :func:`table_address`.
    """
    # Not from compat, which loads Airflow's operators.
    from airflow.providers.common.compat.sdk import Asset

    return Asset(uri=table_address(table, host=host, project_id=project_id).uri, **options)


def druid_table_asset(table: str, *, host: str, **options: Any) -> Asset:
    """
    Create the asset of a table in a self-hosted Druid, as :func:`table_asset` does for Polaris.

    :param table: Name of the table.
    :param host: Host and port of the router, ``router.example.com:8888``. They must equal those of the connection.
    :param options: As :func:`table_asset`.
    :return: Airflow's ``Asset`` (``Dataset`` before 3.0).
    :raises PolarisSpecError: As :func:`table_address`.
    """
    from airflow.providers.common.compat.sdk import Asset

    return Asset(uri=table_address(table, host=host, scheme="druid").uri, **options)


def read_uri(uri: str) -> TableAddress:
    """
    Parse an asset's URI.

    :param uri: ``polaris://HOST/PROJECT_ID/TABLE`` or ``druid://HOST/TABLE``, encoded or not.
    :raises PolarisSpecError: The URI is invalid; the message states the problem.
    """
    return _read(urlsplit(uri))


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Validate and normalize a URI for Airflow, so that all spellings of one table result in one asset.

    Airflow 3 rejects the DAG with the error's message. Airflow 2.11 warns, or rejects it with ``[core]
    strict_dataset_uri_validation = True``. Airflow cuts off a ``#`` and everything after it before the call, so a ``#``
    in a table's name must be written as ``%23``, as :func:`table_asset` does.

    :param uri: The URI, split by Airflow.
    :raises PolarisSpecError: The URI names no table. The error is a ValueError, which Airflow expects.
    """
    return urlsplit(_read(uri).uri)


def to_openlineage(asset: Asset, lineage_context: Any) -> OpenLineageDataset:  # noqa: ARG001
    """
    Return an asset's OpenLineage dataset.

    It is ``PROJECT_ID.TABLE`` in the namespace ``polaris://HOST``, or ``TABLE`` in the namespace ``druid://HOST``.

    :param asset: An asset with a ``polaris`` or ``druid`` URI.
    :param lineage_context: Not used.
    :raises PolarisSpecError: The URI names no table. Airflow's OpenLineage provider then continues without the asset.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

    address = read_uri(asset.uri)
    return OpenLineageDataset(namespace=address.namespace, name=address.name)


def _read(uri: SplitResult) -> TableAddress:
    if "@" in uri.netloc:  # not quoted: the user part may be a secret
        raise PolarisSpecError(
            f"an asset URI of the scheme {uri.scheme!r} contains a user, which would be visible wherever the asset is "
            "shown. Remove everything between '//' and '@', and the '@'."
        )
    text = uri.geturl()
    scheme = _SCHEMES.get(uri.scheme)
    if scheme is None:
        raise _error(text, f"has the scheme {uri.scheme!r}", _SCHEMES[_POLARIS])
    host = uri.netloc.lower()
    problem = _problem_of_host(host)
    if problem:
        raise _error(text, f"has the host {host!r}, which {problem}" if host else "has no host", scheme)
    if uri.query:
        raise _error(text, "has a query; a '?' in the name of a table is written %3F", scheme)
    parts = uri.path.strip("/").split("/")
    if len(parts) != len(scheme.parts) or not all(parts):
        count = len(list(filter(None, parts)))
        wanted = " and ".join(scheme.parts)
        raise _error(text, f"has {count} part{'s' * (count != 1)} after the host instead of {wanted}", scheme)
    *projects, encoded = parts
    project_id = "".join(projects)
    if projects and not _is_project(project_id):
        raise _error(text, f"has {project_id!r} where the id of a project belongs", scheme)
    try:
        table = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        problem = f"has {encoded!r} where a table belongs, which is not percent-encoded UTF-8"
        raise _error(text, problem, scheme) from None
    check_table_name(table, f"asset URI {quote(text)}: table")
    return TableAddress(host, project_id, table, uri.scheme)


def _error(uri: str, problem: str, scheme: _Scheme) -> PolarisSpecError:
    return PolarisSpecError(f"asset URI {quote(uri)} {problem}. {scheme.form}")


def _bare(host: object) -> str:
    return _WEB.sub("", host.strip(), count=1).rstrip("/").lower() if isinstance(host, str) else ""


def _problem_of_host(host: str) -> str | None:
    if not _HOST.fullmatch(host):
        return "is no host"
    if host.partition(":")[0].endswith(_CONSOLE):
        return "is the host of the Polaris console, not of its API"
    return None


def _is_project(project_id: object) -> bool:
    return isinstance(project_id, str) and _PROJECT.fullmatch(project_id) is not None


def _encode(table: str) -> str:
    return quote_from_bytes(table.encode(), safe="")
