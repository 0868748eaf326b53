# SPDX-License-Identifier: Apache-2.0
"""
Find a UNION of which Druid makes several tasks; performs no I/O and never raises.

OBSERVED(Druid 27): ``INSERT ... SELECT * FROM (... UNION ALL ...)`` became one task for each branch, because the
planner removes a SELECT that changes nothing. All had one id, so only the rows of the first were written. With a
condition, ``GROUP BY``, ``DISTINCT`` or a join outside of the UNION, Druid 27 refused the statement. Newer versions run
it as one task (druid.apache.org/docs/latest/querying/sql, UNION ALL).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from airflow_provider_polaris.jobs.sql.expressions import read_tree
from airflow_provider_polaris.jobs.sql.parsing import parse_query

_UNION: Final = re.compile(r"\bUNION\b", re.IGNORECASE)


def may_split(select: str) -> bool:
    """
    Return whether Druid may run a query as one task for each branch of a UNION; True if it can't be parsed.

    >>> may_split("SELECT * FROM (SELECT a FROM t UNION ALL SELECT a FROM u)")
    True
    >>> may_split("SELECT a, COUNT(*) AS n FROM (SELECT a FROM t UNION ALL SELECT a FROM u) GROUP BY a")
    False

    :param select: The query of an ingestion statement, without ``PARTITIONED BY``.
    """
    if not _UNION.search(select):
        return False
    tree = parse_query(select)
    try:
        return tree is None or _reaches_union(tree, {})
    except Exception:
        return True  # as in parsing: any exception while a user's text is analyzed means unknown


def _reaches_union(node: Any, named: Mapping[str, Any]) -> bool:
    """Whether only SELECTs that the planner may remove are outside of a UNION."""
    from sqlglot import exp

    clause = node.args.get("with_") or node.args.get("with")
    known = {**named, **{cte.alias: cte.this for cte in (clause.expressions if clause is not None else ())}}
    if isinstance(node, exp.Subquery):
        return _reaches_union(node.this, known)
    if not isinstance(node, exp.Select):
        return True
    if _changes_rows(node):
        return False
    source = node.find(exp.From)
    relation = source.this if source is not None else None
    if isinstance(relation, exp.Subquery):
        return _reaches_union(relation, known)
    if isinstance(relation, exp.Table) and not relation.db and relation.name in known:
        return _reaches_union(known[relation.name], {name: one for name, one in known.items() if name != relation.name})
    return False


def _changes_rows(node: Any) -> bool:
    from sqlglot import exp

    where = node.args.get("where")
    return (
        any(node.args.get(part) for part in ("group", "distinct", "joins", "having"))
        # The planner also removes a condition that is always true.
        or (where is not None and where.find(exp.Column) is not None)
        or any(read_tree(item.unalias().copy()).aggregates for item in node.expressions)
    )
