# SPDX-License-Identifier: Apache-2.0
"""Read paged lists that change while they are read; performs no I/O of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisProtocolError

Row = dict[str, Any]

#: Rows of the previous page that each request repeats.
OVERLAP = 10
#: Most pages of a list that is read to its end: a million jobs. Polaris keeps a few thousand.
MOST_PAGES = 1000
#: Most pages that may have no new row, or no row in common with earlier pages, because the list changes.
_MOST_BARREN = 20
_MOST_STEPS_BACK = 50


@dataclass(frozen=True)
class Page:
    """
    One page of a list.

    :param rows: Its rows.
    :param more: Whether the service states that more rows follow; None if it doesn't state it.
    """

    rows: list[Row]
    more: bool | None = None


def iterate_offsets(
    fetch: Callable[[int, int], Page],
    *,
    page_size: int,
    key: Callable[[Row], str],
    limit: int | None = None,
    overlap: int = OVERLAP,
    complete: bool = True,
    most_pages: int | None = None,
) -> Iterator[Row]:
    """
    Yield each row of an offset-paged list once.

    The list may shift between two pages. Rows added in front of the position make earlier rows appear again; these are
    dropped by their key. Rows that vanish move later rows forward, so that they could be skipped. Therefore pages
    overlap, and if a page has no row in common with earlier ones, the reader steps back until one has. Each row that
    stays in the list throughout is yielded, in any order of the list.

    :param fetch: Takes offset and limit, returns a page.
    :param page_size: Rows per page, at least 1.
    :param key: Returns the identity of a row.
    :param limit: Largest number of rows to yield; None for all.
    :param overlap: Rows of the previous page that each request repeats.
    :param complete: If False, the reader never steps back and stores the keys of one page only. Use it to bound
        requests and memory if the list is read again soon. Rows that shift may then be missed, and a row that shifts by
        more than a page may come twice.
    :param most_pages: Largest number of pages to fetch; None for 1000.
    :raises PolarisProtocolError: The list continues after ``most_pages`` (their rows were yielded), repeats its pages,
        or its pages have no rows in common.
    """
    if limit is not None and limit <= 0:
        return
    page_size = min(page_size, limit) if limit is not None else page_size
    overlap = min(overlap, page_size // 2)
    seen: set[str] = set()
    yielded = offset = barren = steps_back = 0
    most_pages = MOST_PAGES if most_pages is None else most_pages
    for _ in range(most_pages):
        page = fetch(offset, page_size)
        fresh = [row for row in page.rows if key(row) not in seen]
        if complete and offset > 0 and overlap > 0 and len(fresh) == len(page.rows):
            offset = max(0, offset - page_size)
            steps_back += 1
            if steps_back > _MOST_STEPS_BACK:
                raise PolarisProtocolError(
                    f"a list can't be read: {steps_back} of its pages had no row in common with the page before."
                )
            continue
        if not complete:
            seen.intersection_update([key(row) for row in page.rows])
        count, more, is_fresh = len(page.rows), page.more, bool(fresh)
        del page
        for row in fresh:
            if key(row) in seen:
                continue
            seen.add(key(row))
            yield row
            yielded += 1
            if yielded == limit:
                return
        fresh.clear()  # before the next page is fetched, to hold only one page in memory
        if more is False or not count or (more is None and count < page_size):
            return
        barren = 0 if is_fresh else barren + 1
        if barren >= _MOST_BARREN:
            raise PolarisProtocolError(f"a list repeats itself: {barren} pages in a row had no new row.")
        # A service may return smaller pages than requested.
        offset += max(1, count - overlap)
    raise PolarisProtocolError(f"a list did not end after {most_pages} pages of {page_size} rows.")


def iterate_cursor(
    fetch: Callable[[str | None, int], list[Row]], *, page_size: int, key: Callable[[Row], str]
) -> Iterator[Row]:
    """
    Yield each row of a cursor-paged list, whose pages begin after a given row.

    :param fetch: Takes the key of the last row (None at first) and a limit, returns the rows after it.
    :param page_size: Rows per page, at least 1.
    :param key: Returns the identity of a row, which is the cursor.
    :raises PolarisProtocolError: A page repeats rows of earlier pages, or the list does not end.
    """
    last: str | None = None
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        rows = fetch(last, page_size)
        fresh = [row for row in rows if key(row) not in seen]
        for row in fresh:
            if key(row) not in seen:
                seen.add(key(row))
                yield row
        if len(rows) < page_size:
            return
        if not fresh:
            raise PolarisProtocolError(f"a list repeats its page after {last!r}.")
        last = key(rows[-1])
    raise PolarisProtocolError(f"a list did not end after {MOST_PAGES} pages of {page_size} rows.")
