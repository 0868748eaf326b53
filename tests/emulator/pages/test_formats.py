# SPDX-License-Identifier: Apache-2.0
"""Escaping in the templates, and the formats of numbers, instants and intervals."""

from __future__ import annotations

import doctest
from dataclasses import dataclass

import pytest
from jinja2 import UndefinedError

from airflow_provider_polaris.emulator.pages import formats
from airflow_provider_polaris.emulator.pages.job_origin import JobOrigin
from airflow_provider_polaris.emulator.pages.layout import TEMPLATES

UI = '{% import "macros.html" as ui %}'


@dataclass
class MarkupJob:
    """A job whose texts are all markup."""

    status: str
    desired: str = "running"
    is_terminal: bool = False


def render(source: str, **values: object) -> str:
    """Return the text that a template renders for values."""
    return TEMPLATES.from_string(UI + source).render(**values)


def test_examples_of_the_docstrings_hold() -> None:
    """The examples of the docstrings run."""
    assert doctest.testmod(formats) == doctest.TestResults(failed=0, attempted=5)


@pytest.mark.parametrize(
    "source",
    [
        "<p>{{ text }}</p>",
        '<p title="{{ text }}"></p>',
        "{% call ui.card(text, live=text, note=text) %}{{ text }}{% endcall %}",
        "{% call ui.grid(text, [text], text, stacks=text) %}<tr><td>{{ text }}</td></tr>{% endcall %}",
        "{% call ui.grid(text, [text], text) %}{% endcall %}",
        "{{ ui.code(text, text, text, text) }}",
        "{{ ui.maker(odd, origin) }}",
        "{{ ui.progress(text, text) }}",
        "{{ ui.fact(text, text) }}",
        "{{ ui.tile(text, text, href=text) }}",
        "{{ ui.when(text) }}",
        "{{ ui.reach(text) }}",
        "{{ ui.badge(odd) }}",
    ],
)
def test_texts_are_escaped_wherever_they_are_put(source) -> None:
    """Escaping is automatic in every template, and no macro disables it."""
    text = "<&\">'<&\">'<&\">'<&\">'"
    html = render(source, text=text, odd=MarkupJob(text), origin=JobOrigin(text, text, text, None, None))
    assert "&lt;&amp;&#34;&gt;&#39;" in html
    assert "<&" not in html
    assert "\">'" not in html


def test_line_breaks_beside_tags_are_layout_of_the_template_only() -> None:
    """Blanks between words, and those of values, are kept."""
    source = "<p>\n  {{ one }}\n  <b>two</b>\n</p>\n<p>three\nfour</p>"
    assert render(source, one="1\n <2") == "<p>1\n &lt;2<b>two</b></p><p>three\nfour</p>"


def test_template_that_misspells_a_value_fails() -> None:
    """Otherwise it would show nothing."""
    with pytest.raises(UndefinedError, match="'nope' is undefined"):
        render("{{ nope }}")


def test_instants_and_intervals_say_no_more_than_they_have_to() -> None:
    """Midnights become days; all of time becomes words; an interval wraps between its ends."""
    assert formats.short("2024-06-01T00:00:01.500Z") == "2024-06-01T00:00:01.500Z"
    assert formats.span((formats.EARLIEST, formats.LATEST)) == "all time"
    assert render("{{ ui.instant(none) }}") == "–"
    assert render("{{ ui.instant(1_719_792_000_123_456_789) }}") == (
        '<time datetime="2024-07-01T00:00:00.123456789Z" title="2024-07-01T00:00:00.123456789Z">'
        "<span>2024-07-01</span> <span>00:00:00 UTC</span></time>"
    )
    assert render("{{ ui.reach('2024-06-01/2024-06-02') }}") == (
        '<span class="interval">2024-06-01/<wbr>2024-06-02</span>'
    )
