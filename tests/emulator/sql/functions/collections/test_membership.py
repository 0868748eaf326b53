# SPDX-License-Identifier: Apache-2.0
"""Values in arrays. OBSERVED(Druid 33): every value, one for each row of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("ARRAY_CONTAINS(sa,'a')", [True, False, False, None, False, True, False, False]),
        ("ARRAY_CONTAINS(sa,NULL)", [False, False, False, None, True, True, False, False]),
        ("ARRAY_CONTAINS(sa,ARRAY['a'])", [True, False, False, None, False, True, False, False]),
        ("ARRAY_CONTAINS(sa,ARRAY['a','b'])", [True, False, False, None, False, False, False, False]),
        ("ARRAY_CONTAINS(sa,ARRAY['a',NULL])", [False, False, False, None, False, True, False, False]),
        ("ARRAY_CONTAINS(sa,ARRAY[NULL])", [False, False, False, None, True, True, False, False]),
        ("ARRAY_CONTAINS(sa,sa)", [True, True, True, None, True, True, True, True]),
        ("ARRAY_CONTAINS(sa,s)", [True, True, False, None, False, False, False, False]),
        ("ARRAY_CONTAINS(la,1)", [True, False, False, None, False, True, False, False]),
        ("ARRAY_CONTAINS(la,ARRAY[1,2])", [True, False, False, None, False, False, False, False]),
        ("ARRAY_CONTAINS(la,n)", [False, False, False, None, False, True, False, True]),
        ("ARRAY_CONTAINS(da,2)", [False, True, False, None, False, False, False, False]),
        ("ARRAY_CONTAINS(da,2.0)", [False, True, False, None, False, False, False, False]),
        ("ARRAY_CONTAINS(da,n)", [False, False, False, None, False, True, False, False]),
        ("ARRAY_CONTAINS(mv,'a')", [True, False, None, None, None, True, False, False]),
        ("ARRAY_CONTAINS(s,'a')", [True, False, False, None, False, False, False, False]),
        ("ARRAY_CONTAINS(ARRAY['a','b',NULL],s)", [True, True, False, True, False, False, False, False]),
        ("ARRAY_CONTAINS(ARRAY['a','b'],s)", [True, True, False, False, False, False, False, False]),
        ("ARRAY_CONTAINS('a',s)", [True, False, False, False, False, False, False, False]),
        ("ARRAY_CONTAINS(ARRAY['a','b',''],sa)", [True, True, True, False, False, False, True, False]),
        ("ARRAY_OVERLAP(sa,ARRAY['a'])", [True, False, False, None, False, True, False, False]),
        ("ARRAY_OVERLAP(sa,ARRAY['a',NULL])", [True, False, False, None, True, True, False, False]),
        ("ARRAY_OVERLAP(sa,ARRAY[NULL])", [False, False, False, None, True, True, False, False]),
        ("ARRAY_OVERLAP(sa,sa)", [True, True, False, None, True, True, True, True]),
        ("ARRAY_OVERLAP(la,ARRAY[1])", [True, False, False, None, False, True, False, False]),
        ("ARRAY_OVERLAP(ARRAY['a','b'],sa)", [True, True, False, False, False, True, False, False]),
        ("ARRAY_OVERLAP(ARRAY['a',NULL],sa)", [True, False, False, False, True, True, False, False]),
        ("ARRAY_OVERLAP(mv,ARRAY['a'])", [True, False, None, None, None, True, False, False]),
        ("ARRAY_OVERLAP(sa,mv)", [True, True, False, None, False, True, True, True]),
        ("ARRAY_OVERLAP(ARRAY['a'],mv)", [True, False, False, False, False, True, False, False]),
        ("SCALAR_IN_ARRAY(s,ARRAY['a','b'])", [True, True, False, None, False, False, False, False]),
        ("SCALAR_IN_ARRAY(s,ARRAY['a',NULL])", [True, False, False, True, False, False, False, False]),
        ("SCALAR_IN_ARRAY(s,sa)", [True, True, False, None, False, False, False, False]),
        ("SCALAR_IN_ARRAY(n,la)", [False, False, False, None, False, True, False, True]),
        ("SCALAR_IN_ARRAY(n,ARRAY[1,2,5])", [True, False, False, None, True, True, False, False]),
        ("SCALAR_IN_ARRAY(NULL,la)", [None, None, None, None, True, True, None, None]),
        ("SCALAR_IN_ARRAY(n,da)", [False, False, False, None, False, True, False, False]),
        ("SCALAR_IN_ARRAY('a',sa)", [True, False, False, None, False, True, False, False]),
        ("SCALAR_IN_ARRAY(2,la)", [True, True, False, None, False, False, False, False]),
        ("SCALAR_IN_ARRAY(2,da)", [False, True, False, None, False, False, False, False]),
        ("ARRAY_OFFSET_OF(sa,'a')", [0, None, None, None, None, 2, None, None]),
        ("ARRAY_OFFSET_OF(sa,NULL)", [None, None, None, None, 0, 1, None, None]),
        ("ARRAY_OFFSET_OF(sa,s)", [0, 0, None, None, None, None, None, None]),
        ("ARRAY_OFFSET_OF(sa,'zz')", [None, None, None, None, None, None, None, None]),
        ("ARRAY_OFFSET_OF(la,1)", [0, None, None, None, None, 2, None, None]),
        ("ARRAY_OFFSET_OF(la,n)", [None, None, None, None, None, 2, None, 0]),
        ("ARRAY_OFFSET_OF(da,2.0)", [None, 0, None, None, None, None, None, None]),
        ("ARRAY_OFFSET_OF(mv,'a')", [0, None, None, None, None, 1, None, None]),
        ("ARRAY_OFFSET_OF(s,'a')", [0, None, None, None, None, None, None, None]),
        ("ARRAY_ORDINAL_OF(sa,'a')", [1, None, None, None, None, 3, None, None]),
        ("ARRAY_ORDINAL_OF(sa,NULL)", [None, None, None, None, 1, 2, None, None]),
        ("ARRAY_ORDINAL_OF(sa,'zz')", [None, None, None, None, None, None, None, None]),
        ("ARRAY_ORDINAL_OF(la,n)", [None, None, None, None, None, 3, None, 1]),
        ("ARRAY_ORDINAL_OF(mv,'b')", [2, 1, None, None, None, None, None, None]),
        ("ARRAY_CONTAINS(STRING_TO_ARRAY(s,','),'b')", [False, True, False, None, True, False, False, False]),
        ("ARRAY_CONTAINS(ARRAY['a',NULL],sa)", [False, False, True, False, True, False, False, False]),
        ("ARRAY_CONTAINS(ARRAY['a'],sa)", [False, False, True, False, False, False, False, False]),
        ("ARRAY_CONTAINS(ARRAY['a',NULL],mv)", [False, False, True, True, True, False, False, False]),
        ("ARRAY_CONTAINS(sa,mv)", [True, True, False, None, True, True, True, True]),
        ("ARRAY_CONTAINS(mv,ARRAY['a','b'])", [True, False, None, None, None, False, False, False]),
        ("ARRAY_CONTAINS(ARRAY[n],5)", [True, False, False, False, False, False, False, False]),
        ("ARRAY_OFFSET_OF(ARRAY[s,'a'],'a')", [0, 1, 1, 1, 1, 1, 1, 1]),
        ("ARRAY_CONTAINS(sa,UPPER('a'))", [False, False, False, None, False, False, False, False]),
        ("ARRAY_CONTAINS(sa,LOWER(s))", [True, True, False, None, False, False, False, False]),
        ("NOT ARRAY_CONTAINS(sa,'a')", [False, True, True, None, True, False, True, True]),
    ],
)
def test_value_for_each_row(over_rows: Callable[[str], Any], expression: str, values: list[Any]) -> None:
    """NULL is an element like others, but a NULL array has none."""
    assert over_rows(expression) == values
