# SPDX-License-Identifier: Apache-2.0
"""Lists that change while they are read."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from airflow_provider_polaris.client.http.paging import Page, iterate_cursor, iterate_offsets
from airflow_provider_polaris.jobs.errors import PolarisProtocolError


class Listing:
    """A list with offset paging and an action after each page."""

    def __init__(self, size: int, *, says_more: bool = True, cap: int = 10_000) -> None:
        self.ids = [f"j{number:04}" for number in range(size)]
        self.calls: list[tuple[int, int]] = []
        self.after: Callable[[int], None] = lambda call: None
        self.says_more = says_more
        self.cap = cap

    def fetch(self, offset: int, size: int) -> Page:
        self.calls.append((offset, size))
        rows = [{"id": name} for name in self.ids[offset : offset + min(size, self.cap)]]
        more = offset + len(rows) < len(self.ids)
        self.after(len(self.calls))
        return Page(rows, more if self.says_more else None)

    def walk(self, page_size: int = 100, limit: int | None = None, *, complete: bool = True) -> list[str]:
        rows = iterate_offsets(
            self.fetch, page_size=page_size, key=lambda row: str(row["id"]), limit=limit, complete=complete
        )
        return [str(row["id"]) for row in rows]


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 190, 250, 1000])
@pytest.mark.parametrize("says_more", [True, False])
def test_offsets_of_a_quiet_list_give_each_row_once(size: int, says_more: bool) -> None:
    """No row is lost or duplicated at any page boundary."""
    listing = Listing(size, says_more=says_more)
    assert listing.walk() == listing.ids


def test_offsets_overlap_and_stop_at_the_last_page() -> None:
    """Pages overlap by ten; the last page ends the list without another request."""
    listing = Listing(250)
    listing.walk()
    assert listing.calls == [(0, 100), (90, 100), (180, 100)]


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 190, 250, 1000])
@pytest.mark.parametrize("limit", [None, 95, 105])
def test_offsets_without_steps_back_give_each_row_of_a_quiet_list_once(size: int, limit: int | None) -> None:
    """The reader stores the keys of one page only, which is enough for the overlap."""
    listing = Listing(size)
    assert listing.walk(limit=limit, complete=False) == listing.ids[:limit]


def test_offsets_without_steps_back_keep_no_page_while_the_next_one_comes() -> None:
    """A thousand rows are a megabyte or more, and a list may have dozens of pages."""

    class Row(dict[str, str]):
        __hash__ = object.__hash__  # type: ignore[assignment]

    listing = Listing(950)
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    most = []

    def fetch(offset: int, size: int) -> Page:
        most.append(len(alive))
        page = listing.fetch(offset, size)
        rows = [Row(row) for row in page.rows]
        alive.update(rows)
        return Page(rows, page.more)  # type: ignore[arg-type]

    walk = iterate_offsets(fetch, page_size=100, key=lambda row: str(row["id"]), complete=False)
    assert [row["id"] for row in walk] == listing.ids
    assert max(most) <= 1  # the row that was yielded last


def test_offsets_with_rows_added_in_front_give_each_row_once() -> None:
    """New jobs move others to later pages: those rows appear again and are dropped."""
    listing = Listing(300)
    stable = list(listing.ids)

    def add(call: int) -> None:
        listing.ids[:0] = [f"new{call}-{number}" for number in range(25)]

    listing.after = add
    seen = listing.walk()
    assert [name for name in seen if name in set(stable)] == stable
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("vanish", [1, 9, 10, 11, 95, 150])
def test_offsets_with_rows_vanishing_lose_none_that_stays(vanish: int) -> None:
    """Rows that leave the list move others forward, past the offset: the reader steps back."""
    listing = Listing(400)

    def remove(call: int) -> None:
        if call == 2:
            del listing.ids[:vanish]

    listing.after = remove
    seen = listing.walk()
    assert set(listing.ids) <= set(seen)
    assert len(seen) == len(set(seen))


def test_offsets_with_a_list_that_empties_end() -> None:
    """The list is empty: the reader ends instead of looping."""
    listing = Listing(300)
    listing.after = lambda call: listing.ids.clear()
    assert listing.walk() == [f"j{number:04}" for number in range(100)]


def test_offsets_with_a_service_that_caps_pages_read_on() -> None:
    """A page that is shorter than requested is not the last one if the service reports more."""
    listing = Listing(130, cap=40)
    assert listing.walk() == listing.ids


@pytest.mark.parametrize(("limit", "calls"), [(0, []), (5, [(0, 5)]), (150, [(0, 100), (90, 100)])])
def test_offsets_with_a_limit_ask_for_no_more(limit: int, calls: list[tuple[int, int]]) -> None:
    """A limit restricts the rows, the page size and the number of requests."""
    listing = Listing(400)
    assert listing.walk(limit=limit) == listing.ids[:limit]
    assert listing.calls == calls


def test_offsets_of_page_size_one_work() -> None:
    """The smallest page has no room for an overlap, but the reader still advances."""
    listing = Listing(7)
    assert listing.walk(page_size=1) == listing.ids


def test_offsets_of_a_list_without_end_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that always reports more can't keep the reader running forever."""
    monkeypatch.setattr("airflow_provider_polaris.client.http.paging.MOST_PAGES", 20)
    rows = iterate_offsets(
        lambda offset, size: Page([{"id": "same"}], True), page_size=5, key=lambda row: str(row["id"])
    )
    with pytest.raises(PolarisProtocolError) as caught:
        list(rows)
    assert str(caught.value) == "a list did not end after 20 pages of 5 rows."


def test_cursor_gives_each_row_once_and_stops_at_a_short_page() -> None:
    """The last id of a page is the cursor of the next."""
    ids = [f"s{number}" for number in range(7)]
    cursors: list[str | None] = []

    def fetch(last: str | None, size: int) -> list[dict[str, Any]]:
        cursors.append(last)
        start = 0 if last is None else ids.index(last) + 1
        return [{"id": name} for name in ids[start : start + size]]

    rows = iterate_cursor(fetch, page_size=3, key=lambda row: str(row["id"]))
    assert [row["id"] for row in rows] == ids
    assert cursors == [None, "s2", "s5"]


def test_cursor_that_does_not_move_is_an_error() -> None:
    """A service that ignores the cursor is detected on the second page."""
    rows = iterate_cursor(lambda last, size: [{"id": "a"}, {"id": "b"}], page_size=2, key=lambda row: str(row["id"]))
    with pytest.raises(PolarisProtocolError) as caught:
        list(rows)
    assert str(caught.value) == "a list repeats its page after 'b'."


def test_offsets_not_complete_read_no_page_twice_when_rows_vanish() -> None:
    """A reader that reads again soon sends one request per page, even while hundreds of jobs end."""
    listing = Listing(400)

    def remove(call: int) -> None:
        del listing.ids[:60]

    listing.after = remove
    rows = iterate_offsets(listing.fetch, page_size=100, key=lambda row: str(row["id"]), complete=False)
    assert len({row["id"] for row in rows}) == 300
    assert [offset for offset, _ in listing.calls] == [0, 90, 180]


class Endless:
    """A list that never ends; counts the pages."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.pages = 0
        self._ids = count()

    def fetch(self, offset: int, size: int) -> Page:
        self.pages += 1
        assert self.pages <= 2000, "the walk never ends"
        if self.kind == "new ids":
            names = [f"n{next(self._ids)}" for _ in range(size)]
        elif self.kind == "same page":
            names = [f"n{number}" for number in range(size)]
        elif self.kind == "cycle":
            names = [f"n{(offset + number) % 500}" for number in range(size)]
        else:
            names = [f"n{offset + number}" for number in range(3 if self.kind == "short pages" else size)]
        return Page([{"id": name} for name in names], True)


@pytest.mark.parametrize(
    ("kind", "pages", "problem"),
    [
        ("new ids", 102, "a list can't be read: 51 of its pages had no row in common with the page before."),
        ("same page", 21, "a list repeats itself: 20 pages in a row had no new row."),
        ("cycle", 26, "a list repeats itself: 20 pages in a row had no new row."),
        ("short pages", 1000, "a list did not end after 1000 pages of 100 rows."),
        ("honest", 1000, "a list did not end after 1000 pages of 100 rows."),
    ],
)
def test_offsets_of_any_endless_list_end(kind: str, pages: int, problem: str) -> None:
    """However the list avoids an end, the reader stops after a known number of requests."""
    endless = Endless(kind)
    rows = iterate_offsets(endless.fetch, page_size=100, key=lambda row: str(row["id"]))
    with pytest.raises(PolarisProtocolError) as caught:
        deque(rows, maxlen=0)
    assert (str(caught.value), endless.pages) == (problem, pages)


@pytest.mark.parametrize("kind", ["new ids", "same page", "cycle", "short pages", "honest"])
@pytest.mark.parametrize("complete", [True, False])
def test_offsets_read_no_more_pages_than_their_reader_takes(kind: str, complete: bool) -> None:
    """The rows of the pages that were read are yielded before the error."""
    endless = Endless(kind)
    rows = iterate_offsets(
        endless.fetch, page_size=100, key=lambda row: str(row["id"]), complete=complete, most_pages=12
    )
    first = next(rows)
    with pytest.raises(PolarisProtocolError) as caught:
        deque(rows, maxlen=0)
    assert first["id"] == "n0"
    assert str(caught.value) == "a list did not end after 12 pages of 100 rows."
    assert endless.pages == 12


def test_offsets_of_a_list_that_ends_with_the_last_page_that_is_allowed_are_no_error() -> None:
    """The limit is on pages that are announced, not on those that were read."""
    listing = Listing(190)
    rows = iterate_offsets(listing.fetch, page_size=100, key=lambda row: str(row["id"]), most_pages=2)
    assert len(list(rows)) == 190


@pytest.mark.parametrize("cycle", [2, 3, 7])
def test_cursor_that_goes_round_is_an_error(cycle: int) -> None:
    """A service whose pages lead back to the first one is detected after one round."""
    pages = []

    def fetch(last: str | None, size: int) -> list[dict[str, Any]]:
        pages.append(last)
        start = 0 if last is None else int(last[1:]) + 1
        return [{"id": f"s{(start + number) % (cycle * size)}"} for number in range(size)]

    rows = iterate_cursor(fetch, page_size=2, key=lambda row: str(row["id"]))
    with pytest.raises(PolarisProtocolError) as caught:
        list(rows)
    assert str(caught.value) == f"a list repeats its page after 's{2 * cycle - 1}'."
    assert len(pages) == cycle + 1


def test_cursor_of_a_list_without_end_is_an_error() -> None:
    """A list with endless new rows ends after a thousand pages."""
    numbers = count()
    rows = iterate_cursor(
        lambda last, size: [{"id": f"s{next(numbers)}"} for _ in range(size)],
        page_size=2,
        key=lambda row: str(row["id"]),
    )
    with pytest.raises(PolarisProtocolError) as caught:
        deque(rows, maxlen=0)
    assert str(caught.value) == "a list did not end after 1000 pages of 2 rows."
