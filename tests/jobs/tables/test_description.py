# SPDX-License-Identifier: Apache-2.0
"""Parsing of the table properties that validation uses."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.errors import PolarisProtocolError
from airflow_provider_polaris.jobs.tables.description import TableDescription
from airflow_provider_polaris.jobs.time.granularity import Granularity


def test_table_facts_are_read_from_the_tables_api() -> None:
    """Declared and discovered columns count; measures are the declared ones."""
    payload = {
        "name": "rollup",
        "type": "aggregate",
        "partitioningGranularity": "month",
        "availability": "available",
        "schema": [{"type": "dimension", "name": "city"}, {"type": "measure", "name": "n", "dataType": "long"}],
        "queryableSchema": [{"name": "__time", "dataType": "timestamp", "isDiscovered": False}, {"name": "late"}, "?"],
    }

    assert TableDescription.from_wire(payload) == TableDescription(
        name="rollup",
        type="aggregate",
        partitioning=Granularity.MONTH,
        availability="available",
        columns=frozenset(["__time", "city", "n", "late"]),
        measures=frozenset(["n"]),
    )


@pytest.mark.parametrize(
    "word, partitioning", [(None, Granularity.DAY), ("week", Granularity.WEEK), ("fortnight", None)]
)
def test_table_facts_partitioning_default_is_day_and_unknown_is_none(
    word: str | None, partitioning: Granularity | None
) -> None:
    """A missing partitioning is the documented default; an unknown word is None."""
    facts = TableDescription.from_wire({"name": "t", "type": "Detail", "partitioningGranularity": word})

    assert facts == TableDescription("t", "detail", partitioning=partitioning)


def test_table_facts_availability_that_is_no_text_is_none() -> None:
    """A word of another type counts as missing."""
    assert TableDescription.from_wire({"name": "t", "type": "detail", "availability": 1}).availability is None


def test_table_facts_without_a_name_are_a_protocol_error() -> None:
    """An unreadable answer is a protocol error, not an error of the user."""
    with pytest.raises(PolarisProtocolError) as caught:
        TableDescription.from_wire({"type": "detail"})

    assert str(caught.value) == (
        "The service described a table without name: {'type': 'detail'}. Install a newer version of this package."
    )
