# SPDX-License-Identifier: Apache-2.0
"""Write the SQL that loads JSON lines into a table; performs no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def replace_all(table: str, source: Mapping[str, Any], columns: Mapping[str, str], *, time: str) -> str:
    """
    Return the statement that replaces a table, with segments of a day.

    :param table: Name of the table.
    :param source: Input source, such as ``{"type": "inline", "data": ...}``.
    :param columns: Type of each input column but the time, by name: ``string``, ``long``, ...
    :param time: Name of the input column that becomes ``__time``, a text.
    """
    quoted = json.dumps(source).replace("'", "''")
    signature = json.dumps([{"name": name, "type": kind} for name, kind in {time: "string", **columns}.items()])
    names = ", ".join(f'"{name}"' for name in columns)
    return (
        f'REPLACE INTO "{table}" OVERWRITE ALL SELECT TIME_PARSE("{time}") AS "__time", {names} '
        f"FROM TABLE(EXTERN('{quoted}', '{{\"type\":\"json\"}}', '{signature}')) PARTITIONED BY DAY"
    )
