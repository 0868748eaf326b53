"""
Every import that differs between Airflow 2.11 and the newest Airflow, in one place; holds no behaviour of its own.

``airflow.providers.common.compat.sdk`` knows where each name lives and resolves it without a deprecation warning, so
it is the source here, but for what it learned too late. The rest of the package imports Airflow's names from this
module and from nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow import __version__ as _airflow_version

# The module exports timezone, but in a form that mypy takes for private.
from airflow.providers.common.compat.sdk import (  # type: ignore[attr-defined]
    AirflowException,  # airflow.exceptions; 3.3 has it in airflow.sdk.exceptions too
    AirflowFailException,  # airflow.exceptions up to 3.1; there 3.3 warns and points to airflow.sdk.exceptions
    AirflowNotFoundException,  # as AirflowException; what a missing connection raises
    AirflowSensorTimeout,  # as AirflowFailException
    AirflowSkipException,  # as AirflowFailException
    AirflowTaskTimeout,  # as AirflowFailException; no Exception but a BaseException, so "except Exception" lets it by
    BaseHook,  # airflow.hooks.base, since 3.0 airflow.sdk
    BaseOperator,  # airflow.models.baseoperator, since 3.0 airflow.sdk
    BaseOperatorLink,  # airflow.models.baseoperatorlink, since 3.0 airflow.sdk
    BaseSensorOperator,  # airflow.sensors.base, since 3.0 airflow.sdk
    PokeReturnValue,  # airflow.sensors.base, since 3.0 airflow.sdk
    TaskGroup,  # airflow.utils.task_group, since 3.0 airflow.sdk
    conf,  # airflow.configuration; tasks of 3.x see airflow.sdk.configuration
    timezone,  # airflow.utils.timezone, since 3.0 airflow.sdk.timezone
)

if TYPE_CHECKING:
    # Types only, to be imported under TYPE_CHECKING: they moved to airflow.sdk with 3.0, and Connection is a database
    # model before it, which no operator module has to load.
    from airflow.providers.common.compat.sdk import Connection as Connection
    from airflow.providers.common.compat.sdk import Context as Context
    from airflow.providers.common.compat.sdk import TaskInstanceKey as TaskInstanceKey

#: Major and minor version of the Airflow that runs, e.g. ``(3, 3)``.
AIRFLOW_VERSION: tuple[int, int] = (int(_airflow_version.split(".")[0]), int(_airflow_version.split(".")[1]))

# From Airflow itself, because the oldest common.compat that this package allows doesn't know it.
if AIRFLOW_VERSION >= (3, 0):
    from airflow.sdk.log import mask_secret  # tells the supervisor, too
else:
    from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[no-redef]

#: Since 3.3 a task can have a retry policy.
HAS_RETRY_POLICIES = AIRFLOW_VERSION >= (3, 3)
if HAS_RETRY_POLICIES:
    # From Airflow itself, because the oldest common.compat that this package allows doesn't know them.
    from airflow.sdk import RetryAction, RetryDecision, RetryPolicy
else:
    RetryAction = RetryDecision = RetryPolicy = object  # type: ignore[misc,assignment]

#: Since 3.2 the connection form is read from the provider info, and a hook that defines form methods gets a warning.
FORM_COMES_FROM_PROVIDER_INFO = AIRFLOW_VERSION >= (3, 2)


def read_xcom(ti_key: TaskInstanceKey, key: str) -> Any:
    """
    Read one XCom of one task instance; None if it is not there.

    The import stands inside because before 3.0 the class is a database model, which no operator module has to load.

    :param ti_key: The task instance, map index included.
    :param key: XCom key.
    """
    from airflow.providers.common.compat.sdk import XCom

    return XCom.get_value(ti_key=ti_key, key=key)


def connection_of_commands(conn_id: str) -> Connection:
    """
    Return a connection as Airflow's own commands do: from secrets backends, the environment, or the database.

    Since 3.0 what tasks ask for connections doesn't look into the database in a process that is no task.

    :param conn_id: Its id.
    :raises AirflowNotFoundException: There is none.
    """
    from airflow.models.connection import Connection as StoredConnection

    return StoredConnection.get_connection_from_secrets(conn_id)


def outlet_of(outlet_events: Any, uri: str) -> tuple[Any, Any] | None:
    """
    Return how a task names an asset as an outlet that may be one that no DAG uses, and the asset that its event is of.

    Airflow 3.1 and newer find a reference by URI among the assets in use, whatever their names, and drop it if there is
    none. Airflow 3.0 fails the task then, so it is asked before. Airflow 2 drops it, too. Source:
    TaskInstance.register_asset_changes_in_db of 3.0.6 to 3.3.2, DatasetManager.register_dataset_change of 2.11.2.

    :param outlet_events: Of the context of a task.
    :param uri: The URI.
    :return: None if Airflow knows no such asset.
    """
    from airflow.providers.common.compat.sdk import Asset

    asset = Asset(uri=uri)
    if AIRFLOW_VERSION < (3, 0):
        return asset, asset
    if AIRFLOW_VERSION >= (3, 1):
        return Asset.ref(uri=uri), asset
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

    try:
        known = outlet_events[Asset.ref(uri=uri)].key.to_asset()
    except AirflowRuntimeError as error:
        if error.error.error is ErrorType.ASSET_NOT_FOUND:
            return None
        raise
    return known, known


__all__ = [
    "AIRFLOW_VERSION",
    "FORM_COMES_FROM_PROVIDER_INFO",
    "HAS_RETRY_POLICIES",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "BaseHook",
    "BaseOperator",
    "BaseOperatorLink",
    "BaseSensorOperator",
    "PokeReturnValue",
    "RetryAction",
    "RetryDecision",
    "RetryPolicy",
    "TaskGroup",
    "conf",
    "connection_of_commands",
    "mask_secret",
    "outlet_of",
    "read_xcom",
    "timezone",
]
