# SPDX-License-Identifier: Apache-2.0
"""
The settings of one emulator; no setting is global.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from airflow_provider_polaris.emulator.assumptions import Assumptions
from airflow_provider_polaris.emulator.status_machine import Progression

DEFAULT_HOST: Final = "127.0.0.1"


DEFAULT_PORT: Final = 8099


DEFAULT_PROJECT_ID: Final = "00000000-0000-4000-8000-000000000001"


DEFAULT_API_KEY: Final = "pok_emulator"


MEGABYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """
    Settings of an emulator.

    :param db: Database file that survives restarts; None keeps the data in memory.
    :param project_id: Id of the only project.
    :param api_key: The only API key.
    :param client_id: OAuth client that may request tokens.
    :param client_secret: Its secret.
    :param organization: Realm of the token endpoint.
    :param token_lifetime: Lifetime of a token in seconds.
    :param progression: How time advances for jobs.
    :param assumptions: Initial assumptions; the control plane can change them.
    :param allowed_hosts: Names and addresses that are served in addition to loopback; ``0.0.0.0`` or ``::`` means every
        address.
    :param max_body_bytes: Maximum size of a JSON body.
    :param max_upload_bytes: Maximum size of a file.
    :param query_page_rows: Rows per page of an asynchronous query's results.
    """

    db: str | None = None
    project_id: str = DEFAULT_PROJECT_ID
    api_key: str = field(default=DEFAULT_API_KEY, repr=False)
    client_id: str = "emulator"
    client_secret: str = field(default="emulator_secret", repr=False)
    organization: str = "emulator"
    token_lifetime: float = 300.0  # DOCUMENTED https://docs.imply.io/polaris/oauth: five minutes
    progression: Progression = field(default_factory=Progression)
    assumptions: Assumptions = field(default_factory=Assumptions)
    allowed_hosts: tuple[str, ...] = ()
    max_body_bytes: int = 4 * MEGABYTE  # GUESS: no limit is documented
    max_upload_bytes: int = 2048 * MEGABYTE  # DOCUMENTED https://docs.imply.io/polaris/api-upload: 2 GB
    query_page_rows: int = 10_000  # GUESS: the size of a page is not documented


def connection_of(base_url: str, settings: EmulatorSettings) -> dict[str, Any]:
    """
    Return the Airflow connection as a JSON object, with links to the emulator's pages.

    :param base_url: ``http://HOST:PORT``.
    :param settings: Settings of the emulator.
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
