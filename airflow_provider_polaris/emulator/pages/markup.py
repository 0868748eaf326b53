"""
Building blocks of HTML: whatever is not marked as markup is escaped; performs no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Final

from airflow_provider_polaris.emulator.wire.identifiers import rfc3339
from airflow_provider_polaris.emulator.wire.intervals import EARLIEST, LATEST, format_instant

_VOID: Final = frozenset({"br", "hr", "input", "link", "meta"})
_MIDNIGHT: Final = re.compile(r"T00:00(:00(\.0+)?)?Z$")
_WHOLE_MINUTE: Final = re.compile(r"(T\d\d:\d\d)(:00(\.0+)?)?Z$")
_BYTES: Final = ("bytes", "kB", "MB", "GB", "TB")


class Html(str):
    """Text that is markup already; every other text is escaped."""

    __slots__ = ()


def joined(*parts: object) -> Html:
    """Put parts after each other: markup as it is, None as nothing, everything else escaped."""
    texts = (part if isinstance(part, Html) else "" if part is None else escape(str(part)) for part in parts)
    return Html("".join(texts))


def tag(name: str, /, *children: object, **attributes: str | int | float | bool | None) -> Html:
    """
    Return an element.

    :param name: Its name.
    :param children: What it holds, see :func:`joined`.
    :param attributes: ``class_`` is ``class``, ``aria_label`` is ``aria-label``; True is an attribute without a value,
        None and False are none.

    >>> tag("a", "<b>", href="?a&b", class_="x")
    '<a href="?a&amp;b" class="x">&lt;b&gt;</a>'
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is not None and value is not False:
            parts.append(" " + key.rstrip("_").replace("_", "-"))
            if value is not True:
                parts.append(f'="{escape(str(value))}"')
    opening = "".join(parts) + ">"
    return Html(opening) if name in _VOID else Html(f"{opening}{joined(*children)}</{name}>")


def card(heading: str, *children: object, live: str | None = None, note: str | None = None) -> Html:
    """
    Return a part of a page with a heading.

    :param live: Id of a part that the script keeps up to date; None for one that never changes.
    :param note: A line below the heading.
    """
    below = None if note is None else tag("p", note, class_="muted")
    return tag("section", tag("h2", heading), below, *children, class_="card", id=live, data_live=live is not None)


def heading(name: str, *, is_number: bool = False) -> Html:
    """Return a cell of a table's first row."""
    return tag("th", name, scope="col", class_="number" if is_number else None)


def grid(
    label: str, headings: Sequence[str], rows: Iterable[Sequence[Html]], empty: str, *, stacks: str | None = None
) -> Html:
    """
    Return a table that scrolls sideways where it is too wide; its first column stays where it is.

    :param label: What it is a table of.
    :param headings: Cells of the first row, or their texts; ``#`` in front of a text means a column of numbers.
    :param rows: Cells, see :func:`cell` and :func:`number`.
    :param empty: What to say if there are no rows.
    :param stacks: Name of the layout in which each row becomes a block of its own on a phone; its cells then need
        labels. None for a table that scrolls there, too.
    """
    # A block is no row any more to a screen reader, unless its role says so.
    role, group, whole = (None, None, None) if stacks is None else ("row", "rowgroup", "table")
    lines = [tag("tr", *row, role=role) for row in rows]
    if not lines:
        return tag("p", empty, class_="muted")
    head = (
        one if isinstance(one, Html) else heading(one.removeprefix("#"), is_number=one.startswith("#"))
        for one in headings
    )
    parts = (tag("thead", tag("tr", *head, role=role)), tag("tbody", *lines, role=group))
    class_ = None if stacks is None else f"stacks {stacks}"
    return scroller(label, tag("table", *parts, role=whole, class_=class_))


def scroller(label: str, content: Html) -> Html:
    """Return a box that scrolls sideways, by the keyboard too."""
    return tag("div", content, class_="scroll", tabindex="0", role="region", aria_label=label)


def code(label: str, text: str) -> Html:
    """Return text as it is, in a box that scrolls sideways."""
    return scroller(label, tag("pre", text))


def facts(values: Iterable[tuple[str, object]]) -> Html:
    """Return names and their values."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in values), class_="facts")


def cell(*children: object, class_: str | None = None, label: str | None = None) -> Html:
    """
    Return a cell.

    :param label: Its column's heading, for a table that stacks.
    """
    return tag("td", *children, class_=class_, data_label=label, role=None if label is None else "cell")


def number(value: int | None, label: str | None = None) -> Html:
    """Return a cell with a number, or a dash."""
    return cell(grouped(value), class_="number", label=label)


def grouped(value: int | None) -> str:
    """Write a number with separators, None as a dash."""
    return "–" if value is None else format(value, ",")


def plural(count: int, noun: str) -> str:
    """
    Write a count with its noun.

    >>> plural(1, "segment"), plural(1200, "segment")
    ('1 segment', '1,200 segments')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def size(count: int) -> str:
    """
    Write a number of bytes.

    >>> size(1), size(950), size(1_500_000)
    ('1 byte', '950 bytes', '1.5 MB')
    """
    if count < 1000:
        return plural(count, "byte")
    power = min((len(str(count)) - 1) // 3, len(_BYTES) - 1)
    return f"{count / 1000**power:.1f} {_BYTES[power]}"


def instant(nanoseconds: int | None) -> Html:
    """Return an instant, to the second, or a dash."""
    text = rfc3339(nanoseconds)
    return joined("–") if text is None else when(text)


def when(text: str) -> Html:
    """Return an instant that is written as RFC 3339 in UTC, to the second."""
    return tag("time", f"{text[:10]} {text[11:19]} UTC", datetime=text, title=text)


def reach(text: str) -> Html:
    """
    Return intervals that may wrap between their ends, and nowhere else.

    >>> reach("2024-06-01/2024-06-02")
    '<span class="interval">2024-06-01/<wbr>2024-06-02</span>'
    """
    return tag("span", Html(escape(text).replace("/", "/<wbr>")), class_="interval")


def duration(nanoseconds: int) -> str:
    """
    Write how long something took.

    >>> duration(400_000_000), duration(75 * 10**9), duration(3720 * 10**9)
    ('0.4 s', '1 min 15 s', '1 h 02 min')
    """
    seconds = nanoseconds / 1_000_000_000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def short(text: str) -> str:
    """
    Write ISO 8601 intervals and instants without what says nothing.

    >>> short("2024-06-01T00:00:00.000Z/2024-06-01T12:30:00.000Z")
    '2024-06-01/2024-06-01T12:30Z'
    """
    ends = (_WHOLE_MINUTE.sub(r"\1Z", _MIDNIGHT.sub("", end)) for end in text.split("/"))
    return "/".join(ends)


def span(interval: tuple[datetime, datetime]) -> str:
    """Write an interval, all of time by these words."""
    start, end = interval
    if start == EARLIEST and end >= LATEST:
        return "all time"
    return short(f"{format_instant(start)}/{format_instant(end)}")
