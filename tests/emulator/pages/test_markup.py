"""What is not markup is escaped, and how numbers, instants and intervals are written."""

from __future__ import annotations

import doctest

import pytest

from airflow_provider_polaris.emulator.pages import markup
from airflow_provider_polaris.emulator.pages.markup import Html, cell, facts, grid, joined, size, tag


def test_examples_of_the_docstrings_hold() -> None:
    """What the docstrings show is what happens."""
    assert doctest.testmod(markup) == doctest.TestResults(failed=0, attempted=6)


@pytest.mark.parametrize(
    "build",
    [
        lambda text: tag("p", text),
        lambda text: tag("p", title=text),
        lambda text: joined(text),
        lambda text: facts([(text, text)]),
        lambda text: grid(text, [text], [[cell(text)]], text),
        lambda text: grid(text, [text], [], text),
    ],
)
def test_texts_are_escaped_wherever_they_are_put(build) -> None:
    """Nobody has to think of it."""
    html = build("<&\">'")
    assert "&lt;&amp;&quot;&gt;&#x27;" in html
    assert "<&" not in html


def test_markup_is_taken_as_it_is_and_nothing_for_none() -> None:
    """Elements in elements; an attribute that is None or False is none."""
    assert tag("p", Html("<b>x</b>"), None, 1, id=None, hidden=False, open=True) == "<p open><b>x</b>1</p>"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (10**13, "10.0 TB"), (10**16, "10000.0 TB")],
)
def test_sizes_are_written_with_a_unit(count, text) -> None:
    """Powers of a thousand, and no unit beyond the last."""
    assert size(count) == text


def test_instants_and_intervals_say_no_more_than_they_have_to() -> None:
    """Midnights are days; all of time is words."""
    assert markup.short("2024-06-01T00:00:01.500Z") == "2024-06-01T00:00:01.500Z"
    assert markup.span((markup.EARLIEST, markup.LATEST)) == "all time"
    assert markup.instant(None) == "–"
    assert markup.instant(1_719_792_000_123_456_789) == (
        '<time datetime="2024-07-01T00:00:00.123456789Z" title="2024-07-01T00:00:00.123456789Z">'
        "2024-07-01 00:00:00 UTC</time>"
    )
