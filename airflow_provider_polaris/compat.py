"""
Every import that differs between Airflow 2.11 and the newest Airflow, in one place; holds no behaviour of its own.

``airflow.providers.common.compat.sdk`` knows where each name lives and resolves it without a deprecation warning, so
it is the only source here. The rest of the package imports Airflow's names from this module and from nowhere else.
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
    mask_secret,  # airflow.utils.log.secrets_masker, since 3.0 in the SDK, where it tells the supervisor too
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


__all__ = [
    "AIRFLOW_VERSION",
    "FORM_COMES_FROM_PROVIDER_INFO",
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
    "TaskGroup",
    "conf",
    "mask_secret",
    "read_xcom",
    "timezone",
]
