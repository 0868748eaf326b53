"""
Polaris tables as Airflow's assets: ``polaris://HOST/PROJECT_ID/TABLE``; performs no I/O and reads no connection.

The three functions named in the provider's info are :func:`sanitize_uri` (Airflow 3 asks it about each URI of the
scheme), :func:`table_asset` (the factory) and :func:`to_openlineage`. Airflow imports this module as soon as a DAG has
any asset, so everything else is imported when it is used.
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

_SCHEME: Final = "polaris"
_FORM: Final = (
    "Write it as polaris://ORG.REGION.CLOUD.api.imply.io/PROJECT_ID/TABLE, or let table_asset() of "
    "airflow_provider_polaris.assets write it."
)
_WEB: Final = re.compile(r"https?://", re.IGNORECASE)
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_-]|\.(?=[a-z0-9_-]))*)(:\d{1,5})?", re.ASCII)
_PROJECT: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_CONSOLE: Final = ".app.imply.io"


class TableAddress(NamedTuple):
    """
    Which table of all tables.

    :param host: Host of the regional API in lower case, with its port if it has one.
    :param project_id: Id of the project.
    :param table: Name of the table.
    """

    host: str
    project_id: str
    table: str

    @property
    def uri(self) -> str:
        """The asset's URI; what is no letter, digit, ``-``, ``.``, ``_`` or ``~`` in the table's name is encoded."""
        return f"{_SCHEME}://{self.host}/{self.project_id}/{_encode(self.table)}"

    @property
    def namespace(self) -> str:
        """OpenLineage's namespace: the service."""
        return f"{_SCHEME}://{self.host}"

    @property
    def name(self) -> str:
        """OpenLineage's name within the namespace: project and table; a project's id has no dot."""
        return f"{self.project_id}.{self.table}"


def table_address(table: str, *, host: str, project_id: str) -> TableAddress:
    """
    Check and normalise what names a table.

    :param table: Name of the table.
    :param host: ``ORG.REGION.CLOUD.api.imply.io``, in any case; ``https://`` before it and ``/`` after it are dropped.
    :param project_id: Id of the project.
    :raises PolarisSpecError: One of the three can't be one; the sentence says which.
    """
    check_table_name(table, "table")
    problem = _problem_of_host(_bare(host))
    if problem:
        raise PolarisSpecError(f"host {quote(host)} {problem}. Write ORG.REGION.CLOUD.api.imply.io, without a path.")
    if not _is_project(project_id):
        raise PolarisSpecError(
            f"project_id {quote(project_id)} is no id of a project. Write the one of the connection, such as "
            "'00000000-0000-4000-8000-000000000001'."
        )
    return TableAddress(_bare(host), project_id, table)


def table_asset(table: str, *, host: str, project_id: str, **options: Any) -> Asset:
    """
    Make the asset of a Polaris table, for ``schedule``, ``inlets`` and ``outlets``.

    .. code-block:: python

        HOURLY = table_asset("Koalas Hourly", host="acme.us-east-1.aws.api.imply.io", project_id=PROJECT_ID)

        with DAG("daily", schedule=[HOURLY]): ...

    A DAG is read without its connections, so host and project are written here; they must be those of the connection
    that the job runs with. The asset's name is its URI, which no option changes: Airflow 3 lets one name stand for one
    URI only.

    :param table: Name of the table.
    :param host: Host of the regional API, ``ORG.REGION.CLOUD.api.imply.io``.
    :param project_id: Id of the project.
    :param options: What Airflow's own class takes besides: ``extra``; since Airflow 3 ``group`` and ``watchers``.
    :return: Airflow's ``Asset`` (``Dataset`` before 3.0).
    :raises PolarisSpecError: As :func:`table_address`.
    """
    # Not from compat, which loads Airflow's operators.
    from airflow.providers.common.compat.sdk import Asset

    return Asset(uri=table_address(table, host=host, project_id=project_id).uri, **options)


def read_uri(uri: str) -> TableAddress:
    """
    Read an asset's URI.

    :param uri: ``polaris://HOST/PROJECT_ID/TABLE``, encoded or not.
    :raises PolarisSpecError: It is none; one sentence that says what is wrong.
    """
    return _read(urlsplit(uri))


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """
    Check and normalise a URI for Airflow: two ways to write one table give one asset.

    Airflow 3 refuses the DAG with the error's sentence. Airflow 2.11 warns, and refuses with ``[core]
    strict_dataset_uri_validation = True``. A ``#`` and what follows it are cut off before Airflow asks, so a table with
    a ``#`` in its name has to be written with ``%23``, as :func:`table_asset` does.

    :param uri: As Airflow has split it.
    :raises PolarisSpecError: It names no table of Polaris. It is a ValueError, which Airflow expects.
    """
    return urlsplit(_read(uri).uri)


def to_openlineage(asset: Asset, lineage_context: Any) -> OpenLineageDataset:  # noqa: ARG001
    """
    Name an asset's table as OpenLineage does: namespace ``polaris://HOST``, name ``PROJECT_ID.TABLE``.

    :param asset: An asset with a ``polaris`` URI.
    :param lineage_context: Not needed.
    :raises PolarisSpecError: The URI names no table; Airflow's OpenLineage provider goes on without the asset then.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

    address = read_uri(asset.uri)
    return OpenLineageDataset(namespace=address.namespace, name=address.name)


def _read(uri: SplitResult) -> TableAddress:
    if "@" in uri.netloc:  # not quoted: what stands there may be a secret
        raise PolarisSpecError(
            "an asset URI of the scheme 'polaris' has a user in it, which would show wherever the asset does. Take out "
            "what stands before the '@'."
        )
    text = uri.geturl()
    if uri.scheme != _SCHEME:
        raise _error(text, f"has the scheme {uri.scheme!r}")
    host = uri.netloc.lower()
    problem = _problem_of_host(host)
    if problem:
        raise _error(text, f"has the host {host!r}, which {problem}" if host else "has no host")
    if uri.query:
        raise _error(text, "has a query; a '?' in the name of a table is written %3F")
    parts = uri.path.strip("/").split("/")
    if len(parts) != 2 or not all(parts):
        count = len(list(filter(None, parts)))
        raise _error(text, f"has {count} part{'s' * (count != 1)} after the host instead of project and table")
    project_id, encoded = parts
    if not _is_project(project_id):
        raise _error(text, f"has {project_id!r} where the id of a project belongs")
    try:
        table = unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise _error(text, f"has {encoded!r} where a table belongs, which is not percent-encoded UTF-8") from None
    check_table_name(table, f"asset URI {quote(text)}: table")
    return TableAddress(host, project_id, table)


def _error(uri: str, problem: str) -> PolarisSpecError:
    return PolarisSpecError(f"asset URI {quote(uri)} {problem}. {_FORM}")


def _bare(host: object) -> str:
    return _WEB.sub("", host.strip(), count=1).rstrip("/").lower() if isinstance(host, str) else ""


def _problem_of_host(host: str) -> str | None:
    if not _HOST.fullmatch(host):
        return "is no host"
    if host.partition(":")[0].endswith(_CONSOLE):
        return "is the Polaris console's and not its API's"
    return None


def _is_project(project_id: object) -> bool:
    return isinstance(project_id, str) and _PROJECT.fullmatch(project_id) is not None


def _encode(table: str) -> str:
    return quote_from_bytes(table.encode(), safe="")
