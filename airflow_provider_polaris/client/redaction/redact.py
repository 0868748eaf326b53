# SPDX-License-Identifier: Apache-2.0
"""Mask secrets in every text that leaves the client; performs no I/O."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from airflow_provider_polaris.client.redaction.spellings import Spellings, TooMuchWorkError

MASK = "***"
#: Shortest secret in characters. Masking shorter texts would garble messages.
_SHORTEST = 4
#: Characters of a text that are searched. The part that is shown is much shorter.
_LONGEST = 100_000


class Redactor:
    """
    Replace known secrets in any encoding with ``***``.

    Before the search, percent, HTML, JSON and Unicode escapes and base64 are decoded, up to four layers. Recognizable
    parts of a truncated secret are masked, too. Mask a text before you truncate it anyway.

    :param secrets: Secrets in plain text; None and very short ones are ignored.
    """

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        self._lock = threading.Lock()
        self._fixed = tuple(secret for secret in secrets if secret and len(secret) >= _SHORTEST)
        # The current token and the two before it: a response may still contain those.
        self._temporary: deque[str] = deque(maxlen=3)
        self._spellings = Spellings(self._fixed)

    def add_temporary(self, secret: str) -> None:
        """Also mask this token, which was just fetched. Only the last three tokens are kept."""
        with self._lock:
            self._temporary.append(secret)
            self._spellings = Spellings((*self._fixed, *self._temporary))

    def __call__(self, text: str) -> str:
        """
        Return the text with the secrets masked.

        A text is truncated after 100,000 characters. A text that was made to be expensive to search is masked whole.
        """
        more = f"… ({len(text)} characters)" if len(text) > _LONGEST else ""
        text = text[:_LONGEST]
        try:
            places = self._spellings.find(text)
        except TooMuchWorkError:
            return MASK
        return _mask(text, places) + more

    def __repr__(self) -> str:
        return f"Redactor({len(self._fixed) + len(self._temporary)} secrets)"


def _mask(text: str, places: Iterable[tuple[int, int]]) -> str:
    """Replace each range, together with overlapping ones, with one mask."""
    pieces: list[str] = []
    last = 0
    for begin, end in sorted(places):
        if begin >= last:
            pieces += (text[last:begin], MASK)
        last = max(last, end)
    return "".join((*pieces, text[last:]))


def url_secrets(url: str) -> tuple[str, ...]:
    """Return the user-info of a URL (a proxy with a password) as secrets; empty if it has none."""
    userinfo = _userinfo(url)
    if not userinfo:
        return ()
    user, _, password = userinfo.partition(":")
    return tuple(dict.fromkeys((userinfo, unquote(userinfo), password or user, unquote(password or user))))


def without_userinfo(url: str) -> str:
    """Return the URL with its user name and password masked."""
    userinfo = _userinfo(url)
    return url.replace(f"{userinfo}@", f"{MASK}@", 1) if userinfo else url


def _userinfo(url: str) -> str:
    """Return the text before the ``@`` of the authority, also for a URL without a scheme."""
    try:
        netloc = urlsplit(url if "//" in url else f"//{url}").netloc
    except ValueError:
        netloc = url
    return netloc.rpartition("@")[0]
