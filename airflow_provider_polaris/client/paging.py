"""Walk through lists that change while they are read; performs no I/O of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_polaris.jobs.errors import PolarisProtocolError

Row = dict[str, Any]

#: So many rows of the page before are asked for again.
OVERLAP = 10
#: A list ends with an error beyond so many pages or rows: far more than a project has (Polaris deletes finished jobs
#: after 90 days once a project has more than 5000), and few enough that a list without end costs seconds.
MOST_PAGES = 10_000
MOST_ROWS = 500_000
#: So many pages in a row without a row that is new end it too: the service ignores the offset.
_MOST_REPEATS = 100


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
    :raises PolarisProtocolError: The list does not end.
    """
    if limit is not None and limit <= 0:
        return
    page_size = min(page_size, limit) if limit is not None else page_size
    overlap = min(overlap, page_size // 2)
    seen: set[str] = set()
    yielded = offset = repeats = 0
    for _ in range(MOST_PAGES):
        page = fetch(offset, page_size)
        fresh = [row for row in page.rows if key(row) not in seen]
        if complete and offset > 0 and overlap > 0 and len(fresh) == len(page.rows):
            offset = max(0, offset - page_size)
            continue
        if not complete:
            seen.intersection_update([key(row) for row in page.rows])
        repeats = 0 if fresh else repeats + 1
        if repeats > _MOST_REPEATS:
            raise PolarisProtocolError(f"a list repeats its rows: {repeats} pages in a row had no new one.")
        count, more = len(page.rows), page.more
        del page
        for row in fresh:
            if key(row) in seen:
                continue
            seen.add(key(row))
            yield row
            yielded += 1
            if yielded == limit:
                return
            _check_rows(yielded)
        fresh.clear()  # before the next page comes: two of them take twice the room
        if more is False or not count or (more is None and count < page_size):
            return
        # A service may cap its pages below what was asked for.
        offset += max(1, count - overlap)
    raise PolarisProtocolError(f"a list did not end after {MOST_PAGES} pages of {page_size} rows.")


def iterate_cursor(
    fetch: Callable[[str | None, int], list[Row]], *, page_size: int, key: Callable[[Row], str]
) -> Iterator[Row]:
    """
    Yield each row of a list whose pages begin after a given row.

    :param fetch: Given the key of the last row (None at first) and a limit, returns the rows after it.
    :param page_size: Rows a page, at least 1.
    :param key: Identity of a row, and the cursor.
    :raises PolarisProtocolError: The cursor does not move, or the list does not end.
    """
    last: str | None = None
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        rows = fetch(last, page_size)
        for row in rows:
            if key(row) not in seen:
                seen.add(key(row))
                _check_rows(len(seen))
                yield row
        if len(rows) < page_size:
            return
        if key(rows[-1]) == last:
            raise PolarisProtocolError(f"a list repeats its page after {last!r}.")
        last = key(rows[-1])
    raise PolarisProtocolError(f"a list did not end after {MOST_PAGES} pages of {page_size} rows.")


def _check_rows(count: int) -> None:
    if count > MOST_ROWS:
        raise PolarisProtocolError(f"a list did not end after {MOST_ROWS} rows.")
