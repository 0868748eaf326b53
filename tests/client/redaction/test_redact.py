# SPDX-License-Identifier: Apache-2.0
"""Masking of secrets."""

from __future__ import annotations

import base64

from airflow_provider_polaris.client.redaction.redact import Redactor, url_secrets, without_userinfo

KEY = "pok_Zq7/secret+Q9xW"


def test_redactor_masks_each_form_in_which_a_key_travels() -> None:
    """Bare, with colon in base64, url-safe, unpadded, and percent-encoded."""
    encoded = base64.b64encode(f"{KEY}:".encode()).decode()
    safe = base64.urlsafe_b64encode(f"{KEY}:".encode()).decode()
    text = f"{KEY} {encoded} {encoded.rstrip('=')} {safe} pok_Zq7%2Fsecret%2BQ9xW end"
    assert Redactor([KEY])(text) == "*** *** *** *** *** end"


def test_redactor_ignores_what_is_too_short_to_be_secret() -> None:
    """Masking an empty or very short secret would garble every message."""
    assert Redactor(["", None, "a"])("a sentence") == "a sentence"


def test_redactor_keeps_the_last_three_passing_secrets() -> None:
    """Only a few tokens are kept, so the list doesn't grow."""
    redact = Redactor(["fixed-secret"])
    for number in range(1, 5):
        redact.add_temporary(f"token-{number}")
    assert redact("fixed-secret token-1 token-2 token-3 token-4") == "*** token-1 *** *** ***"
    assert repr(redact).startswith("Redactor(")


def test_url_secrets_without_userinfo_are_none() -> None:
    """An ordinary URL contains no secret and stays unchanged."""
    assert url_secrets("http://proxy:3128") == ()
    assert without_userinfo("proxy:3128") == "proxy:3128"


def test_url_with_userinfo_is_masked_with_and_without_scheme() -> None:
    """The password of a proxy is masked in both spellings."""
    assert without_userinfo("http://me:pw@proxy:3128") == "http://***@proxy:3128"
    assert without_userinfo("me:pw@proxy:3128") == "***@proxy:3128"
