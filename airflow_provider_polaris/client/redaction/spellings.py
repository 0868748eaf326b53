# SPDX-License-Identifier: Apache-2.0
"""
Find secrets in a text in any spelling: encoded, encoded several times, or truncated; performs no I/O.

The search decodes the text instead of encoding the secrets: an encoding may change any character of a secret, so the
encoded forms can't all be listed. Each decoded character keeps its position in the original, where a match is masked.
"""

from __future__ import annotations

import binascii
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Final

#: Layers of encoding that are decoded.
_DEEPEST: Final = 4
#: Characters that are searched per text, over all encodings.
_MOST_WORK: Final = 4_000_000
#: Fixed cost of searching one text, in characters.
_OVERHEAD: Final = 60
#: Shortest prefix or suffix of a secret that is masked by itself. A shorter one is useless to an attacker.
_PART: Final = 8

_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
_ESCAPE: Final = re.compile(
    r"(?P<percent>(?:%[0-9A-Fa-f]{2})+)"
    r"|(?P<entity>&(?:#[0-9]{1,8}|#[xX][0-9A-Fa-f]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?)"
    r"|(?:%u|\\u)(?P<four>[0-9A-Fa-f]{4})"
    r"|\\(?:u\{(?P<braces>[0-9A-Fa-f]{1,6})\}|U(?P<eight>[0-9A-Fa-f]{8})|x(?P<two>[0-9A-Fa-f]{2}))"
    r"|\\(?P<sign>[\"'\\/bfnrt])"
)
_SIGNS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_STANDARD: Final = str.maketrans("-_", "+/")


class TooMuchWorkError(Exception):
    """Raised when the search of a text exceeds the work limit."""


@dataclass(frozen=True)
class Decoded:
    """
    A text, with the position of each of its characters in the original.

    :param text: The (partly) decoded text.
    :param starts: For each character, where its spelling begins in the original.
    :param ends: For each character, where its spelling ends in the original.
    """

    text: str
    starts: list[int] | range
    ends: list[int] | range

    @classmethod
    def original(cls, text: str) -> Decoded:
        """Return a text that is not decoded."""
        return cls(text, range(len(text)), range(1, len(text) + 1))

    def unescape(self) -> Decoded | None:
        """Decode one layer of all escapes: percent, HTML, JSON and Unicode; None if there are none."""
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        last = 0
        for match in _ESCAPE.finditer(self.text):
            decoded = _decode(match)
            if decoded is None:
                continue
            pieces.append(self.text[last : match.start()])
            starts += self.starts[last : match.start()]
            ends += self.ends[last : match.start()]
            last = match.end()
            for character, begin, end in decoded:
                pieces.append(character)
                starts.append(self.starts[begin])
                ends.append(self.ends[end - 1])
        if not last:
            return None
        pieces.append(self.text[last:])
        starts += self.starts[last:]
        ends += self.ends[last:]
        return Decoded("".join(pieces), starts, ends)

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Return the original range of a part of the text."""
        return self.starts[begin], self.ends[end - 1]


class Spellings:
    """
    Find secrets in all of their spellings.

    :param secrets: Secrets in plain text; none is empty.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in (secret, secret.replace(" ", "+"), _bare(secret))}
        self._wholes = sorted({form.translate(_LOWER) for form in forms if form.strip()}, key=len, reverse=True)
        parts = {part for whole in self._wholes if _has_parts(whole) for part in (whole[:_PART], whole[-_PART:])}
        #: Every text with a secret, or with a part of one to mask, contains one of these.
        self._needles = tuple({whole for whole in self._wholes if not _has_parts(whole)} | parts)
        least = min(map(len, self._needles), default=0)
        self._base64 = re.compile(rf"[A-Za-z0-9+/_-]{{{-(-least * 4 // 3)},}}={{0,2}}")

    def find(self, text: str) -> list[tuple[int, int]]:
        """
        Return the ranges of secrets or recognizable parts of them; overlapping ranges may come twice.

        ASCII letters match in either case, because host names are converted to lower case.

        :raises TooMuchWorkError: The text was made to be expensive to search.
        """
        return list(_Search(self, text).places()) if self._needles else []

    def is_in(self, text: str) -> bool:
        """Return whether a text contains a secret, or a recognizable part of one, without encoding."""
        lower = text.translate(_LOWER)
        return any(needle in lower for needle in self._needles)

    def plain(self, text: str) -> Iterator[tuple[int, int]]:
        """Return the ranges of secrets without encoding."""
        lower = text.translate(_LOWER)
        for whole in self._wholes:
            if _has_parts(whole):
                yield from _parts(lower, whole)
                continue
            begin = lower.find(whole)
            while begin >= 0:
                yield begin, begin + len(whole)
                begin = lower.find(whole, begin + 1)

    def tokens(self, text: str) -> Iterator[re.Match[str]]:
        """Return matches that may be base64 and are long enough for a secret."""
        return self._base64.finditer(text)


class _Search:
    """
    Search one text, with a limit on the work.

    :param spellings: The secrets to find.
    :param text: The text to search.
    """

    def __init__(self, spellings: Spellings, text: str) -> None:
        self._spellings = spellings
        self._text = text
        self._work = _MOST_WORK
        # A token that was seen before had at least as many layers left to decode.
        self._seen: dict[str, bool] = {}

    def places(self) -> Iterator[tuple[int, int]]:
        for layer, depth in self._layers(self._text, _DEEPEST):
            for begin, end in self._spellings.plain(layer.text):
                yield layer.span(begin, end)
            for match in self._spellings.tokens(layer.text) if depth else ():
                if self._is_in_base64(match[0], depth - 1):
                    yield layer.span(*match.span())

    def _layers(self, text: str, depth: int) -> Iterator[tuple[Decoded, int]]:
        layer: Decoded | None = Decoded.original(text)
        while layer is not None and depth >= 0:
            self._work -= len(layer.text) + _OVERHEAD
            if self._work < 0:
                raise TooMuchWorkError
            yield layer, depth
            layer, depth = layer.unescape(), depth - 1

    def _is_in_base64(self, token: str, depth: int) -> bool:
        if token not in self._seen:
            # The match may begin with characters that are not part of the token, such as those of a path.
            self._seen[token] = any(self._is_in(text, depth) for text in _from_base64(token))
        return self._seen[token]

    def _is_in(self, text: str, depth: int) -> bool:
        for layer, left in self._layers(text, depth):
            if self._spellings.is_in(layer.text):
                return True
            if left and any(self._is_in_base64(match[0], left - 1) for match in self._spellings.tokens(layer.text)):
                return True
        return False


def _decode(match: re.Match[str]) -> list[tuple[str, int, int]] | None:
    """Return the characters of one or more escapes, each with its range in the text; None if there are none."""
    begin, end = match.span()
    kind = match.lastgroup
    if kind == "percent":
        return _from_percent(match[0], begin)
    if kind == "entity":
        characters = html.unescape(match[0])
        return None if characters == match[0] else [(each, begin, end) for each in characters]
    if kind == "sign":
        return [(_SIGNS.get(match["sign"], match["sign"]), begin, end)]
    number = int(match[str(kind)], 16)
    return [(chr(number), begin, end)] if number <= 0x10FFFF else None


def _from_percent(run: str, begin: int) -> list[tuple[str, int, int]]:
    raw = bytes.fromhex(run.replace("%", ""))
    try:
        text, widths = raw.decode("utf-8"), None
    except UnicodeDecodeError:
        text, widths = raw.decode("latin-1"), 1
    found = []
    for character in text:
        end = begin + 3 * (widths or len(character.encode("utf-8")))
        found.append((character, begin, end))
        begin = end
    return found


def _from_base64(token: str) -> Iterator[str]:
    """Return possible decodings of a token, without a truncated part at its end."""
    letters = token.rstrip("=").translate(_STANDARD)
    for offset in range(min(4, len(letters))):
        part = letters[offset:]
        part = part[:-1] if len(part) % 4 == 1 else part
        try:
            yield binascii.a2b_base64(part + "=" * (-len(part) % 4)).decode("utf-8", "replace")
        except binascii.Error:
            continue


def _bare(text: str) -> str:
    """Return a secret with everything decoded that has the form of an escape."""
    for _ in range(_DEEPEST):
        layer = Decoded.original(text).unescape()
        if layer is None:
            break
        text = layer.text
    return text


def _has_parts(whole: str) -> bool:
    """Return whether a part of a secret can be distinguished from other words."""
    return len(whole) >= _PART + 2


def _parts(text: str, whole: str) -> Iterator[tuple[int, int]]:
    """Return the ranges of the longest prefixes and suffixes of a secret in a text."""
    head, tail = whole[:_PART], whole[-_PART:]
    begin = text.find(head)
    while begin >= 0:
        end = begin + _common(text[begin : begin + len(whole)], whole)
        yield begin, end
        begin = text.find(head, end - _PART + 1)
    begin = text.find(tail)
    last = 0
    while begin >= 0:
        end = begin + _PART
        before = text[max(last, end - len(whole)) : end]
        yield end - _common(before[::-1], whole[::-1]), end
        last = begin + 1
        begin = text.find(tail, last)


def _common(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts."""
    shorter = min(len(one), len(other))
    return next((index for index in range(shorter) if one[index] != other[index]), shorter)
