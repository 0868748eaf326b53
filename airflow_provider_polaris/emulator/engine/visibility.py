"""
Who sees which segments: conditions on a row of the catalogue, which every reader of a table names.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from airflow_provider_polaris.emulator.engine.chunks import to_ms

#: What jobs read, whether precached or not: what lies in deep storage. No real-time rows: DOCUMENTED
#: https://docs.imply.io/polaris/api-ingest-table, a job doesn't read what is streamed in while it runs.
PUBLISHED: Final = "used"
#: All rows that the table has.
EVERYTHING: Final = "(used OR realtime)"
#: What was replaced or softly deleted.
UNUSED: Final = "(NOT used AND NOT realtime)"
#: What streaming brought and didn't hand over yet.
REALTIME: Final = "realtime"


def precached(kept: Sequence[tuple[datetime, datetime]] | None, loaded_since: datetime | None) -> str:
    """
    Build the condition of what is published and precached.

    A segment is so as a whole. GUESS: if it overlaps what is to be precached, as with Druid's load rules
    (https://druid.apache.org/docs/latest/operations/rule-configuration).

    :param kept: Half-open intervals that are to be precached; None for all.
    :param loaded_since: Segments that were published later are not there yet; None if all are.
    """
    terms = [PUBLISHED]
    if kept is not None:
        within = [f"(start_ms < {to_ms(end)} AND end_ms > {to_ms(start)})" for start, end in kept]
        terms.append("(" + (" OR ".join(within) or "false") + ")")
    if loaded_since is not None:
        terms.append(f"updated_ms <= {to_ms(loaded_since)}")
    return "(" + " AND ".join(terms) + ")"
