"""Walk through lists that change while they are read; performs no I/O of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisProtocolError

Row = dict[str, Any]

#: So many rows of the page before are asked for again.
OVERLAP = 10
#: No list that is read to an end has so many: a million jobs, and Polaris keeps some thousands.
MOST_PAGES = 1000
#: So many pages may bring no row that is new, or none of the rows before them, because the list changes meanwhile.
_MOST_BARREN = 20
_MOST_STEPS_BACK = 50


@dataclass(frozen=True)
class Page:
    """
    One page.

    :param rows: Its rows.
    :param more: Whether the service says that there are more; None if it says nothing.
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

    The list may shift between two pages. Rows that are added in front come again and are dropped by their key. When
    rows vanish, those behind them move forward and would be skipped: therefore pages overlap, and when a page has no
    row in common with what was seen, the walk steps back until it has. A row that stays in the list throughout is
    yielded, in whatever order the list has.

    :param fetch: Given offset and limit, returns a page.
    :param page_size: Rows a page, at least 1.
    :param key: Identity of a row.
    :param limit: Yield at most so many; None for all.
    :param overlap: Rows of the page before that are asked for again.
    :param complete: False never steps back, and remembers no more than a page: for a caller who reads the list again
        soon, and to whom a known number of requests and little memory are worth more than the rows that shifted past,
        or one that comes twice because it shifted by more than a page.
    :param most_pages: Fetch at most so many; None for 1000.
    :raises PolarisProtocolError: The list goes on after ``most_pages`` (their rows were yielded), repeats its pages, or
        its pages don't fit together.
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
        fresh.clear()  # before the next page comes: two of them take twice the room
        if more is False or not count or (more is None and count < page_size):
            return
        barren = 0 if is_fresh else barren + 1
        if barren >= _MOST_BARREN:
            raise PolarisProtocolError(f"a list repeats itself: {barren} pages in a row had no row that was new.")
        # A service may cap its pages below what was asked for.
        offset += max(1, count - overlap)
    raise PolarisProtocolError(f"a list did not end after {most_pages} pages of {page_size} rows.")


def iterate_cursor(
    fetch: Callable[[str | None, int], list[Row]], *, page_size: int, key: Callable[[Row], str]
) -> Iterator[Row]:
    """
    Yield each row of a list whose pages begin after a given row.

    :param fetch: Given the key of the last row (None at first) and a limit, returns the rows after it.
    :param page_size: Rows a page, at least 1.
    :param key: Identity of a row, and the cursor.
    :raises PolarisProtocolError: A page repeats the rows of pages before it, or the list does not end.
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
