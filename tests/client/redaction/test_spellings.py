# SPDX-License-Identifier: Apache-2.0
"""Secrets are masked in every spelling: encoded in any order, several times, or truncated."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from functools import reduce
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from airflow_provider_polaris.client.redaction import redact, spellings
from airflow_provider_polaris.client.redaction.redact import Redactor
from airflow_provider_polaris.client.redaction.spellings import Spellings, TooMuchWorkError

KEY = "pok_s3cr3t+/=&<>\"'\\%zZ"
Encoder = Callable[[str], str]


def encoded(text: str) -> bytes:
    return text.encode("utf-8")


def each(form: str) -> Encoder:
    """Return an encoder that spells each character separately."""
    return lambda text: "".join(form.format(ord(character)) for character in text)


ENCODERS: dict[str, Encoder] = {
    "percent": lambda text: quote(text, safe=""),
    "percent-of-a-path": quote,
    "percent-of-a-form": quote_plus,
    "percent-of-all": lambda text: "".join(f"%{byte:02X}" for byte in encoded(text)),
    "percent-in-lower-case": lambda text: "".join(f"%{byte:02x}" for byte in encoded(text)),
    "percent-u": each("%u{:04X}"),
    "base64": lambda text: base64.b64encode(encoded(text)).decode(),
    "base64-of-a-url": lambda text: base64.urlsafe_b64encode(encoded(text)).decode(),
    "base64-without-padding": lambda text: base64.b64encode(encoded(text)).decode().rstrip("="),
    "basic": lambda text: base64.b64encode(encoded(f"{text}:")).decode(),
    "basic-as-password": lambda text: base64.b64encode(encoded(f"somebody:{text}")).decode(),
    "html": html.escape,
    "html-decimal": each("&#{};"),
    "html-hex": each("&#x{:x};"),
    "html-hex-in-upper-case": each("&#X{:06X};"),
    "html-named": lambda text: text.replace("&", "&AMP;").replace("_", "&lowbar;").replace("+", "&plus;"),
    "json": lambda text: json.dumps(text)[1:-1],
    "json-of-all": each("\\u{:04x}"),
    "javascript": lambda text: "".join(f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{{{ord(c):x}}}" for c in text),
    "python": each("\\U{:08X}"),
    "slashes": lambda text: text.replace("\\", "\\\\").replace("/", "\\/"),
}
encoders = st.lists(st.sampled_from(sorted(ENCODERS)), max_size=3)
characters = st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=("C", "Z"))
secrets = st.text(st.one_of(st.characters(min_codepoint=33, max_codepoint=126), characters), min_size=10, max_size=40)


def spell(secret: str, names: list[str]) -> str:
    return reduce(lambda text, name: ENCODERS[name](text), names, secret)


@pytest.mark.parametrize("second", ["nothing", *ENCODERS])
@pytest.mark.parametrize("first", ENCODERS)
def test_key_is_masked_in_every_spelling_of_every_spelling(first: str, second: str) -> None:
    """The surrounding text stays unchanged."""
    text = spell(KEY, [first, *([] if second == "nothing" else [second])])
    assert Redactor([KEY])(f"no key {text} is known") == "no key *** is known"


@settings(deadline=None)
@given(secrets, encoders)
@example("a&\\nb&\\nb&\\nb", ["html"])
@example("a%41b%41b%41b", ["percent", "html"])
def test_any_secret_is_masked_in_any_spelling(secret: str, names: list[str]) -> None:
    """Including secrets that look like escapes."""
    assert Redactor([secret])(f"( {spell(secret, names)} )") == "( *** )"


@settings(deadline=None)
@given(secrets, encoders, st.floats(0.5, 1.0), st.booleans())
def test_half_of_any_secret_is_masked_in_any_spelling(
    secret: str, names: list[str], share: float, is_begin: bool
) -> None:
    """A part that the service has truncated is masked before and after encoding."""
    size = max(8, int(len(secret) * share))
    part = secret[:size] if is_begin else secret[-size:]
    assert "***" in Redactor([secret])(f"( {spell(part, names)} )")
    assert part not in Redactor([secret])(f"( {part} )")


@settings(deadline=None)
@given(secrets, st.lists(st.sampled_from(sorted(ENCODERS)), min_size=1, max_size=2), st.integers(0, 400))
def test_spelling_that_is_cut_off_shows_less_than_a_part(secret: str, names: list[str], cut: int) -> None:
    """A truncated encoded text has no recognizable part of the secret after decoding."""
    text = spell(secret, names)[:cut]
    assume(text)
    shown = Redactor([secret])(f"( {text}")
    assert not Spellings([secret]).find(shown)


@pytest.mark.parametrize("cut", range(8, len(KEY)))
def test_key_that_is_cut_off_is_masked(cut: int) -> None:
    """At the end of a text, before an ellipsis, and at the beginning."""
    redactor = Redactor([KEY])
    assert redactor(f"bad key {KEY[:cut]}") == "bad key ***"
    assert redactor(f"bad key {KEY[:cut]}… (900 characters)") == "bad key ***… (900 characters)"
    assert redactor(f"{KEY[-cut:]} is a bad key") == "*** is a bad key"


def test_base64_is_found_inside_a_longer_word() -> None:
    """A path or a header may be directly before it, at any alignment."""
    for before in ("a", "ab", "abc", "abcd", "/v1/x/", "Basic_"):
        token = base64.b64encode(f"{KEY}:".encode()).decode()
        assert token[4:] not in Redactor([KEY])(f"see {before}{token}.")


def test_letters_match_in_either_case() -> None:
    """Host names are shown in lower case."""
    assert Redactor([KEY])(f"host {KEY.lower()}.example.org") == "host ***.example.org"


def test_ordinary_text_stays_as_it_is() -> None:
    """Escapes and base64-like words without a secret stay unchanged."""
    text = 'GET /v1/projects/a%20b answered 400 with "&lt;no&gt; \\u00e9 \\n" for cG9sYXJpcyBpcyBub3Qgc2VjcmV0 &amp;'
    assert Redactor([KEY, "hunter22hunter22"])(text) == text


def test_escapes_that_stand_for_nothing_stay_as_they_are() -> None:
    """Neither a number beyond Unicode nor an unknown name is an escape."""
    text = "&nosuchname; \\u{110000} \\UFFFFFFFF %zz %e9 %"
    assert Redactor([KEY])(text) == text
    assert Redactor(["naïve-secret"])("na%EFve-secret") == "***", "an old server may write Latin-1"


def test_text_without_secrets_to_mask_is_not_searched() -> None:
    """A client without credentials has no secret."""
    assert Redactor()("pok_x") == "pok_x"


def test_long_text_is_cut_before_it_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of a secret that remains after this truncation is masked, too."""
    monkeypatch.setattr(redact, "_LONGEST", 20)
    assert Redactor([KEY])(f"0123456789 {KEY}") == f"0123456789 ***… ({11 + len(KEY)} characters)"


@pytest.mark.parametrize(
    "text",
    [
        "%25" * 40_000,
        "".join(f"%25{number:02x}{number:012d} " for number in range(8_000)),
        reduce(lambda text, _: base64.b64encode(text.encode()).decode(), range(6), "hello world " * 1_000),
    ],
    ids=["escapes", "tokens", "nested"],
)
def test_work_has_an_end(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more characters are searched than the budget allows, for any text; then all of it is masked."""
    looked: list[int] = []
    original = spellings.Decoded.original
    unescape = spellings.Decoded.unescape

    def count(layer: spellings.Decoded | None) -> spellings.Decoded | None:
        looked.append(0 if layer is None else len(layer.text))
        return layer

    monkeypatch.setattr(spellings.Decoded, "original", lambda text: count(original(text)))
    monkeypatch.setattr(spellings.Decoded, "unescape", lambda self: count(unescape(self)))
    monkeypatch.setattr(spellings, "_MOST_WORK", 300_000)
    shown = Redactor([KEY])(text)
    assert shown.startswith("***") or len(shown) >= 100_000 or len(shown) == len(text)
    assert sum(looked) <= 300_000 + 2 * len(text)


def test_text_that_takes_too_much_work_is_masked_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text that was not searched is not shown."""
    monkeypatch.setattr(spellings, "_MOST_WORK", 100)
    with pytest.raises(TooMuchWorkError):
        Spellings([KEY]).find("%41" * 100)
    assert Redactor([KEY])("%41" * 100) == "***"
