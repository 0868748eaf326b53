"""
Find secrets in a text however they are spelt: encoded, several times over, or cut off; performs no I/O.

The text is decoded rather than the secrets encoded: an encoding may touch any of a secret's characters, and nobody can
list all forms. Each decoded character knows where it comes from, so what is found can be masked in the original.
"""

from __future__ import annotations

import binascii
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Final

#: Encodings upon encodings that are undone.
_DEEPEST: Final = 4
#: Characters that are looked at for one text, all encodings together.
_MOST_WORK: Final = 4_000_000
#: What it costs to look at a text at all, in characters.
_OVERHEAD: Final = 60
#: So much of the begin or the end of a secret is masked by itself; less of it is no use to anybody.
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
    """The text takes more work than it is worth."""


@dataclass(frozen=True)
class Decoded:
    """
    A text, and where each of its characters comes from in the original.

    :param text: After some decoding.
    :param starts: Of each character, where its spelling begins.
    :param ends: Likewise, where it ends.
    """

    text: str
    starts: list[int] | range
    ends: list[int] | range

    @classmethod
    def original(cls, text: str) -> Decoded:
        """Return a text that nothing was done to."""
        return cls(text, range(len(text)), range(1, len(text) + 1))

    def unescape(self) -> Decoded | None:
        """Undo one layer of all escapes: percent, HTML, JSON and Unicode; None if there are none."""
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
        """Return where a part of the text comes from."""
        return self.starts[begin], self.ends[end - 1]


class Spellings:
    """
    Knows secrets in all of their spellings.

    :param secrets: In the clear; none is empty.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in (secret, secret.replace(" ", "+"), _bare(secret))}
        self._wholes = sorted({form.translate(_LOWER) for form in forms if form.strip()}, key=len, reverse=True)
        parts = {part for whole in self._wholes if _has_parts(whole) for part in (whole[:_PART], whole[-_PART:])}
        #: Each text with a secret, or with a part of one that is worth masking, has one of these in it.
        self._needles = tuple({whole for whole in self._wholes if not _has_parts(whole)} | parts)
        least = min(map(len, self._needles), default=0)
        self._base64 = re.compile(rf"[A-Za-z0-9+/_-]{{{-(-least * 4 // 3)},}}={{0,2}}")

    def find(self, text: str) -> list[tuple[int, int]]:
        """
        Return where secrets are, or recognizable parts of them; overlapping places may come twice.

        ASCII letters match in either case, because names of hosts lose theirs.

        :raises TooMuchWorkError: Only for what was made to be expensive.
        """
        return list(_Search(self, text).places()) if self._needles else []

    def is_in(self, text: str) -> bool:
        """Return whether a text has a secret or a recognizable part of one, spelt plainly."""
        lower = text.translate(_LOWER)
        return any(needle in lower for needle in self._needles)

    def plain(self, text: str) -> Iterator[tuple[int, int]]:
        """Return where a text has them, spelt plainly."""
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
        """Return what may be base64 and is long enough for a secret."""
        return self._base64.finditer(text)


class _Search:
    """
    Looks through one text, with an end to the work.

    :param spellings: What is looked for.
    :param text: Where.
    """

    def __init__(self, spellings: Spellings, text: str) -> None:
        self._spellings = spellings
        self._text = text
        self._work = _MOST_WORK
        # A token that was seen before was seen with as many layers to undo, or with more.
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
            # The token may begin with characters that are not part of it, such as those of a path.
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
    """Return the characters of one escape (or run of them), each with its place in the text; None if it is none."""
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
    """Return what a token may stand for; a part that is cut off at its end is left out."""
    letters = token.rstrip("=").translate(_STANDARD)
    for offset in range(min(4, len(letters))):
        part = letters[offset:]
        part = part[:-1] if len(part) % 4 == 1 else part
        try:
            yield binascii.a2b_base64(part + "=" * (-len(part) % 4)).decode("utf-8", "replace")
        except binascii.Error:
            continue


def _bare(text: str) -> str:
    """Return a secret as it looks once everything is decoded that looks like an escape in it."""
    for _ in range(_DEEPEST):
        layer = Decoded.original(text).unescape()
        if layer is None:
            break
        text = layer.text
    return text


def _has_parts(whole: str) -> bool:
    """Return whether a part of a secret can be told from other words."""
    return len(whole) >= _PART + 2


def _parts(text: str, whole: str) -> Iterator[tuple[int, int]]:
    """Return where a text has the begin of a secret, or its end, and as much more of it as there is."""
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
    """Return how many characters two texts have in common at their beginning."""
    shorter = min(len(one), len(other))
    return next((index for index in range(shorter) if one[index] != other[index]), shorter)
