"""The Airflow connection that leads to an emulator; performs no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_polaris.emulator.settings import EmulatorSettings


def connection_of(base_url: str, settings: EmulatorSettings) -> dict[str, Any]:
    """
    Return the connection as Airflow's JSON has it, with links to the emulator's pages.

    :param base_url: ``http://HOST:PORT``.
    :param settings: Of the emulator.
    """
    return {
        "conn_type": "polaris",
        "host": base_url,
        "password": settings.api_key,
        "extra": {
            "project_id": settings.project_id,
            "auth": "api_key",
            "console_url": f"{base_url}/__emulator__/console/{{job_id}}/{{table}}",
        },
    }
