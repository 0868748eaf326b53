# SPDX-License-Identifier: Apache-2.0
"""What a self-hosted Druid can do; performs no I/O."""

from __future__ import annotations

from typing import Final

from airflow_provider_polaris.client.capabilities import Capabilities

#: Sources: druid.apache.org/docs/latest/api-reference, OBSERVED(Druid 27), OBSERVED(Druid 33) for the versions of a
#: restore, OBSERVED(Druid 27) for a table whose last segment was marked unused. Marking segments unused takes effect at
#: once, so there is no deletion to cancel.
DRUID_CAPABILITIES: Final = Capabilities(
    idempotent_submission=True,
    bulk_status=True,
    cancels_deletions=False,
    exact_deletions=True,
    restores_versions=True,
    soft_delete=True,
    forgets_empty_tables=True,
    percent_progress=True,
)
