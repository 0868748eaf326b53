# SPDX-License-Identifier: Apache-2.0
"""
All imports that differ between Airflow 2.11 and the newest Airflow, and adapters for a few API differences.

``airflow.providers.common.compat.sdk`` resolves each name without a deprecation warning, so this module imports from
it, except for names that its oldest allowed version lacks. The rest of the package imports these names only from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow import __version__ as _airflow_version

# The module exports timezone, but in a form that mypy treats as private.
from airflow.providers.common.compat.sdk import (  # type: ignore[attr-defined]
    AirflowException,  # airflow.exceptions; 3.3 has it in airflow.sdk.exceptions too
    AirflowFailException,  # airflow.exceptions up to 3.1; there 3.3 warns and points to airflow.sdk.exceptions
    AirflowNotFoundException,  # as AirflowException; what a missing connection raises
    AirflowSensorTimeout,  # as AirflowFailException
    AirflowSkipException,  # as AirflowFailException
    AirflowTaskTimeout,  # as AirflowFailException; a BaseException, so "except Exception" doesn't catch it
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
    # Types only, imported under TYPE_CHECKING: they moved to airflow.sdk in 3.0. Before, Connection is a database
    # model, which operator modules need not load.
    from airflow.providers.common.compat.sdk import Connection as Connection
    from airflow.providers.common.compat.sdk import Context as Context
    from airflow.providers.common.compat.sdk import TaskInstanceKey as TaskInstanceKey

#: Major and minor version of the installed Airflow, e.g. ``(3, 3)``.
AIRFLOW_VERSION: tuple[int, int] = (int(_airflow_version.split(".")[0]), int(_airflow_version.split(".")[1]))

# From Airflow itself, because the oldest allowed common.compat doesn't have it.
if AIRFLOW_VERSION >= (3, 0):
    from airflow.sdk.log import mask_secret  # also masks in the supervisor
else:
    from airflow.utils.log.secrets_masker import mask_secret  # type: ignore[no-redef]

#: Since 3.3 a task can have a retry policy.
HAS_RETRY_POLICIES = AIRFLOW_VERSION >= (3, 3)
if HAS_RETRY_POLICIES:
    # From Airflow itself, because the oldest allowed common.compat doesn't have them.
    from airflow.sdk import RetryAction, RetryDecision, RetryPolicy
else:
    RetryAction = RetryDecision = RetryPolicy = object  # type: ignore[misc,assignment]

#: Since 3.2 Airflow reads the connection form from the provider info, and warns about a hook with form methods.
FORM_COMES_FROM_PROVIDER_INFO = AIRFLOW_VERSION >= (3, 2)


def read_xcom(ti_key: TaskInstanceKey, key: str) -> Any:
    """
    Return one XCom of one task instance; None if it doesn't exist.

    The import is local because before 3.0 the class is a database model, which operator modules need not load.

    :param ti_key: The task instance, map index included.
    :param key: XCom key.
    """
    from airflow.providers.common.compat.sdk import XCom

    return XCom.get_value(ti_key=ti_key, key=key)


def connection_of_commands(conn_id: str) -> Connection:
    """
    Return a connection as Airflow's own commands do: from secrets backends, the environment, or the database.

    Since 3.0 the connection API of tasks doesn't read the database in a process that doesn't run a task.

    :param conn_id: Its id.
    :raises AirflowNotFoundException: The connection doesn't exist.
    """
    from airflow.models.connection import Connection as StoredConnection

    return StoredConnection.get_connection_from_secrets(conn_id)


def outlet_of(outlet_events: Any, uri: str) -> tuple[Any, Any] | None:
    """
    Return a task's reference to an outlet asset, which may be unused by any DAG, and the asset of its event.

    Airflow 3.1 and newer resolve a reference by URI among the assets in use, whatever their names, and drop it if there
    is none. Airflow 2 drops it, too. Airflow 3.0 fails the task instead, so this function checks it first. Source:
    TaskInstance.register_asset_changes_in_db of 3.0.6 to 3.3.2, DatasetManager.register_dataset_change of 2.11.2.

    :param outlet_events: ``outlet_events`` of a task's context.
    :param uri: The URI.
    :return: None if Airflow has no such asset.
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
