# SPDX-License-Identifier: Apache-2.0
"""The hook for a self-hosted Apache Druid."""

from __future__ import annotations

from airflow_provider_polaris.hooks.polaris import PolarisHook


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
