"""Where to look, at the end of a message."""

from __future__ import annotations


def see(text: str, url: str | None) -> str:
    """
    Append an address to a message, with nothing behind it: the page of a log takes a dot or bracket into the link.

    :param text: One or more sentences.
    :param url: None or empty if it isn't known.

    >>> see("The job is 'running'", "https://acme.app.imply.io/")
    "The job is 'running'. See https://acme.app.imply.io/"
    """
    if not url:
        return text
    return f"{text}{'' if text.endswith('.') else '.'} See {url}"
