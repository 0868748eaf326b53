# SPDX-License-Identifier: Apache-2.0
"""Parse the body of an error response from the service or from a gateway; performs no I/O."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_LONGEST = 300


_LONGEST_WORDS = 100


_LONGEST_SENTENCE = 2000


_MOST_DETAILS = 5


_DEEPEST = 4


_LONGEST_PAGE = 10_000


_MARKUP = re.compile(r"<(!doctype|html|head|body|title|h1|p)\b", re.IGNORECASE)


_INVISIBLE = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)


_TAG = re.compile(r"<[^>]*>")


_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1\s*>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Envelope:
    """
    The parsed content of an error body.

    :param code: Machine-readable code, if any. A number is converted to text.
    :param text: The message, verbatim; None if there is none.
    :param details: Further causes as ``target: text``.
    :param remark: Description of a body that is no error envelope (``an empty body``); otherwise None.
    """

    code: str | None = None
    text: str | None = None
    details: tuple[str, ...] = ()
    remark: str | None = None

    def sentence(self) -> str:
        """Return the content on one line, without a final full stop; empty if there is none."""
        text = one_line(self.text or "")
        if self.details:
            more = "; ".join(one_line(detail).rstrip(". ") for detail in self.details)
            text = f"{text.rstrip('. ')} ({more})" if text else more
        return _without_middle(text.rstrip(". "), _LONGEST_SENTENCE)


def error_object(body: bytes) -> Mapping[str, Any] | None:
    """Return the JSON object of an error body; None if it is none."""
    try:
        data = json.loads(body.decode("utf-8", "replace").strip("\ufeff \t\r\n\x00"))
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, Mapping) else None


def has_text(data: Mapping[str, Any], key: str) -> bool:
    """Whether a field has text that isn't blank."""
    value = data.get(key)
    return isinstance(value, str) and bool(value.strip())


def read_envelope(body: bytes, content_type: str) -> Envelope:
    """
    Parse an error body in any of the formats that Polaris and the gateways before it use.

    - Jobs, tables, files: ``{code, message, target?, details?: [same], innererror?}`` (polaris-sdk 20250425.14.0)
    - gateway: ``{message}``, no code (docs.imply.io/polaris/oauth); ``code`` may be a number
    - nested: ``{error: {code, message}}``; with ``{taskId, state}`` beside it for asynchronous queries
    - SQL: ``{error, errorCode, errorMessage, persona, category}`` (docs.imply.io/polaris/api-query)
    - OAuth: ``{error, error_description}`` (RFC 6749, section 5.2)
    - HTML pages, plain text, an empty body

    :param body: The bytes.
    :param content_type: Value of the header; only used to distinguish broken JSON from text.
    """
    text = body.decode("utf-8", "replace").strip("\ufeff \t\r\n\x00")
    if not text:
        return Envelope(remark="an empty body")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return _no_json(text, content_type)
    if isinstance(data, Mapping):
        return _from_object(data)
    if isinstance(data, str) and data.strip():
        return Envelope(text=data)
    return Envelope(remark=f"the body {excerpt(text)!r}")


def _from_object(data: Mapping[str, Any]) -> Envelope:
    while isinstance(nested := data.get("error"), Mapping):
        data = nested
    code = _first(data, "errorCode", "code")
    text = _first(data, "errorMessage", "message", "error_description", "error", "detail", "title")
    if code is None and isinstance(nested, str) and nested != text:
        code = nested  # {"error": "invalid_client", "error_description": "..."}
    details = list(_details(data, 0))
    if code is None and text is None and not details:
        return Envelope(remark=f"the body {excerpt(_json_text(data))!r}")
    return Envelope(code=code, text=text, details=tuple(dict.fromkeys(details))[:_MOST_DETAILS])


def _json_text(data: Mapping[str, Any]) -> str:
    try:
        return json.dumps(data, ensure_ascii=False)
    except RecursionError:
        return "(an object that nests too deeply)"


def _details(data: Mapping[str, Any], depth: int) -> list[str]:
    """Flatten ``details`` and ``innererror``. The depth is limited because the schema is recursive."""
    if depth >= _DEEPEST:
        return []
    found: list[str] = []
    entries = data.get("details")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, str):
            found.append(entry)
        elif isinstance(entry, Mapping):
            found.extend(_entry(entry))
            found.extend(_details(entry, depth + 1))
    inner = data.get("innererror")
    if isinstance(inner, Mapping):
        found.extend(_entry(inner))
        found.extend(_details(inner, depth + 1))
    return found


def _entry(entry: Mapping[str, Any]) -> list[str]:
    label = _first(entry, "target", "code")
    text = _first(entry, "message", "errorMessage")
    joined = ": ".join(part for part in (label, text) if part)
    return [joined] if joined else []


def _first(data: Mapping[str, Any], *keys: str) -> str | None:
    """Return the first value that is a non-empty text or a number."""
    for key in keys:
        value = data.get(key)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
    return None


def _no_json(text: str, content_type: str) -> Envelope:
    if "<html" in text[:2000].lower() or "html" in content_type.lower():
        match = _TITLE.search(text[:20_000])
        title = one_line(html.unescape(re.sub(r"<[^>]*>", " ", match[2]))) if match else ""
        return Envelope(remark=f"the HTML page {excerpt(title)!r}" if title else "an HTML page")
    if "json" in content_type.lower():
        return Envelope(remark=f"broken JSON: {excerpt(one_line(text))!r}")
    return Envelope(text=excerpt(one_line(text)))


def first_words(body: bytes) -> str:
    """
    Return the beginning of a page's text on one line; empty if it has no text.

    :param body: The bytes. Tags, scripts and styles of an HTML page are removed.
    """
    text = body.decode("utf-8", "replace")[:_LONGEST_PAGE]
    if _MARKUP.search(text):
        text = html.unescape(_TAG.sub(" ", _INVISIBLE.sub(" ", text)))
    return excerpt(one_line(text), _LONGEST_WORDS)


def one_line(text: str) -> str:
    """Replace white space and control characters so that the text fits on one log line."""
    return re.sub(r"[\s\x00-\x1f\x7f\u2028\u2029]+", " ", text).strip()


def excerpt(text: str, longest: int = _LONGEST) -> str:
    """Return the beginning of a text; if it is truncated, the whole length follows."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"


def _without_middle(text: str, longest: int) -> str:
    """Remove the middle of a text: services put the reason either before or after the SQL."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]}… ({len(text)} characters) …{text[-half:]}"


#: Takes status, headers and body of an error response. Returns whether the service itself wrote it.
ErrorForm = Callable[[int, Mapping[str, str], bytes], bool]


#: 4xx statuses that are transient, whichever server sends them.
_TRANSIENT: Final = frozenset({408, 429})


#: 5xx statuses that are caused by the request.
_PERMANENT: Final = frozenset({501, 505})


def is_foreign(status: int, headers: Mapping[str, str], body: bytes, form: ErrorForm) -> bool:
    """
    Return whether an error response blames the request but lacks the form of the service's own errors.

    Redirects, 408, 429 and most 5xx never count as foreign: their meaning doesn't depend on the sender.

    :param status: HTTP status.
    :param headers: Response headers.
    :param body: The whole body.
    :param form: The service's own form.
    """
    blames = (400 <= status < 500 and status not in _TRANSIENT) or status in _PERMANENT
    return blames and not form(status, headers, body)
