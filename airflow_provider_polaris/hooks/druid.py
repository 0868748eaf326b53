# SPDX-License-Identifier: Apache-2.0
"""The hook for a self-hosted Apache Druid."""

from __future__ import annotations

from typing import Any

from airflow_provider_polaris.hooks.polaris import PolarisHook
from airflow_provider_polaris.runtime.compat import FORM_COMES_FROM_PROVIDER_INFO


class DruidHook(PolarisHook):
    """
    Call the APIs of one self-hosted Apache Druid.

    The connection (type ``apache_druid``) holds the router's URL in *host*, user and password in *login* and
    *password*, and in *extra* ``auth``, ``coordinator_url``, ``console_url``, ``submit_marker``, ``verify``,
    ``client_cert``, ``client_key``, ``proxies`` and ``request_timeout``. The type of the connection, not the class of
    the hook, decides which service is called: :class:`PolarisHook` does the same with such a connection.

    :param polaris_conn_id: The connection.
    """

    default_conn_name = "apache_druid_default"
    conn_type = "apache_druid"
    hook_name = "Apache Druid"

    def __init__(self, polaris_conn_id: str = default_conn_name) -> None:
        super().__init__(polaris_conn_id)

    if not FORM_COMES_FROM_PROVIDER_INFO:
        # Airflow reads these methods from the class itself, not from its bases.

        @classmethod
        def get_connection_form_widgets(cls) -> dict[str, Any]:
            """Return the fields of the connection form that are stored in the extra."""
            from airflow_provider_polaris.hooks.connections.druid_form import DRUID_FORM

            return DRUID_FORM.widgets()

        @classmethod
        def get_ui_field_behaviour(cls) -> dict[str, Any]:
            """Return which fields the connection form hides and renames."""
            from airflow_provider_polaris.hooks.connections.druid_form import DRUID_FORM

            return DRUID_FORM.behaviour()
