"""Keep secrets out of every text that leaves the client; performs no I/O."""

from __future__ import annotations

import base64
import threading
from collections import deque
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

MASK = "***"
#: Shorter ones are no secrets, and masking them would garble every sentence.
_SHORTEST = 4


class Redactor:
    """
    Replace known secrets, in each form in which they travel, by ``***``.

    :param secrets: Secrets in the clear; None and very short ones are ignored.
    """

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        self._lock = threading.Lock()
        self._fixed = tuple(secret for secret in secrets if secret and len(secret) >= _SHORTEST)
        # The present token and two that went before: an answer may still speak of those.
        self._passing: deque[str] = deque(maxlen=3)
        self._forms = _all_forms(self._fixed)

    def add_passing(self, secret: str) -> None:
        """Mask this one too from now on: a token that was just fetched. Only the last three are kept."""
        with self._lock:
            self._passing.append(secret)
            self._forms = _all_forms((*self._fixed, *self._passing))

    def __call__(self, text: str) -> str:
        """Return the text without any of the secrets."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"


def _all_forms(secrets: Iterable[str]) -> tuple[str, ...]:
    # Longest first: a short form may be a part of a long one.
    return tuple(sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True))


def _forms(secret: str) -> Iterable[str]:
    """Return the ways in which a secret may turn up: as it is, in a URL, in a Basic header."""
    yield secret
    yield quote(secret, safe="")
    for text in (secret, f"{secret}:"):
        raw = text.encode("utf-8", "surrogatepass")
        for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
            yield encoded.decode("ascii")
            yield encoded.decode("ascii").rstrip("=")


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
    """Return what stands before the ``@`` of the authority; also without a scheme."""
    try:
        netloc = urlsplit(url if "//" in url else f"//{url}").netloc
    except ValueError:
        netloc = url
    return netloc.rpartition("@")[0]
