# SPDX-License-Identifier: Apache-2.0
"""
Paths into JSON: ``$.a.b``, ``$['a b']``, ``$.tags[0]``, ``$.tags[-1]``.

OBSERVED(Druid 33), texts of the errors included: there are no wildcards and no filters, a key has no double quotes, the
empty path is the whole value.
"""

from __future__ import annotations

import re

from sqlglot import exp

from airflow_provider_polaris.emulator.sql.functions.call import Call
from airflow_provider_polaris.emulator.sql.functions.optimizer.constants import is_constant
from airflow_provider_polaris.emulator.sql.values.types import SqlInvalid

_STEP = re.compile(r"\.(?P<key>[^.\[]*)|\['(?P<quoted>[^']*)'\]|\[(?P<index>[^\]]*)\]", re.DOTALL)
_INDEX = re.compile(r"[+-]?\d{1,9}", re.ASCII)
_BRANCHING = frozenset({"COALESCE", "NVL", "IFNULL"})

Path = tuple[str | int, ...]
"""Keys of objects and indexes of arrays; a negative index counts from the end."""


def parse(call: Call, index: int) -> Path:
    """
    Parse an argument as a path.

    :raises SqlInvalid: Druid refuses the path.
    :raises SqlNotSupported: Druid takes it in some places. OBSERVED(Druid 33): it doesn't read a path in a branch that
        its optimizer leaves out.
    """
    if call.name == "JSON_VALUE" and is_constant(call.nodes[0]) and _is_in_branch(call.nodes[0]):
        # OBSERVED(Druid 33): the planner computes it, and fails for an array.
        raise call.refuse("of constants here")
    try:
        return _parse(call, index)
    except SqlInvalid as error:
        if _is_in_branch(call.nodes[index]):
            raise call.refuse(f"here: {error.message}") from None
        raise


def _is_in_branch(node: exp.Expression) -> bool:
    around = node.parent
    while around is not None:
        is_function = isinstance(around, exp.Anonymous)
        if isinstance(around, (exp.Case, exp.And, exp.Or)) or (is_function and str(around.this).upper() in _BRANCHING):
            return True
        if isinstance(around, exp.Binary) and exp.Null() in (around.this, around.expression):
            return True
        around = around.parent
    return False


def _parse(call: Call, index: int) -> Path:
    written = call.constant_text(index) if call.has(index) else ""
    if not written:
        return ()
    if not written.startswith("$"):
        raise SqlInvalid(f"JSONPath [{written}] is invalid, it must start with '$'")
    steps: list[str | int] = []
    position = 1
    while position < len(written):
        match = _STEP.match(written, position)
        is_open = written[position] == "[" and (call.name == "JSON_KEYS" or position == len(written) - 1)
        if match is None and (is_open or "]" in written[position:]):
            # OBSERVED(Druid 33): an open bracket is ignored at the end, by JSON_KEYS everywhere.
            raise call.refuse(f"with the path {written!r}")
        if match is None:
            reason = "unterminated '['" if written[position] == "[" else "path parts must be separated with '.'"
            raise SqlInvalid(f"JSONPath [{written}] is invalid, {reason}")
        position = match.end()
        if match["index"] is None:
            key = match["key"] if match["key"] is not None else match["quoted"]
            if key or position < len(written) or match["quoted"] is not None:
                steps.append(_key(call, written, key, is_quoted=match["quoted"] is not None))
        elif _INDEX.fullmatch(match["index"]):
            steps.append(int(match["index"]))
        else:
            raise SqlInvalid(
                f"JSONPath [{written}] is invalid, array specifier [{match['index']}] should be a number, it was not.  "
                "Use ' if this value was meant to be a field name"
            )
    return tuple(steps)


def duckdb_path(path: Path) -> str:
    """
    Format a path for DuckDB.

    >>> duckdb_path(("a", "b c", -1))
    '$."a"."b c"[-1]'
    """
    return "$" + "".join(f'."{step}"' if isinstance(step, str) else f"[{step}]" for step in path)


def _key(call: Call, written: str, key: str, *, is_quoted: bool) -> str:
    if not key:
        raise SqlInvalid(f"jq path [{written}] is invalid, path parts separated by '.' must not be empty")
    if "'" in key and not is_quoted:
        raise SqlInvalid(f"JSONPath [{written}] is invalid, single-quote (') must be immediately after '['")
    if set(key) & set('"\\[].') or key == "*":
        raise call.refuse(f"with the path {written!r}")
    return key
