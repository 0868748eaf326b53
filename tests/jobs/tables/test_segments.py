# SPDX-License-Identifier: Apache-2.0
"""The clause about the segments that a table lost and got."""

from __future__ import annotations

import pytest

from airflow_provider_polaris.jobs.tables.segments import segment_change


@pytest.mark.parametrize(
    "before, now, change",
    [
        (["a", "b"], ["b", "a"], None),
        ([], [], None),
        (["a"], [], "table 't' has other segments (missing: 'a')"),
        ([], ["a"], "table 't' has other segments (new: 'a')"),
        (["b", "a", "c"], ["c", "d"], "table 't' has other segments (missing: 'a', 'b'; new: 'd')"),
        (["c", "a", "b"], [], "table 't' has other segments (missing: 'a', 'b' and 1 more)"),
        (
            [],
            [f"{number:04}" for number in range(1002)],
            "table 't' has other segments (new: '0000', '0001' and 1,000 more)",
        ),
    ],
)
def test_segment_change_names_two_of_each_difference(before: list[str], now: list[str], change: str | None) -> None:
    """At most two ids in the order of the alphabet, and the number of the others; None without a difference."""
    assert segment_change("t", before, now) == change
