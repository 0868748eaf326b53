# SPDX-License-Identifier: Apache-2.0
"""
Authenticate requests: API keys in the forms that Polaris accepts, and tokens of the emulated OAuth endpoint.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import Any

from airflow_provider_polaris.emulator.settings import EmulatorSettings
from airflow_provider_polaris.emulator.wire.errors import ApiError
from airflow_provider_polaris.emulator.wire.identifiers import NANOSECONDS, Clock, user_of_client, user_of_key


class Authenticator:
    """
    Checks ``Authorization`` headers and issues tokens.

    Tokens are kept in memory only: after a restart, a client has to request a new one, as after five minutes.
    """

    def __init__(self, settings: EmulatorSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._tokens: dict[str, int] = {}

    def authenticate(self, header: str | None) -> dict[str, Any]:
        """
        Return the user behind an ``Authorization`` header.

        ``Basic`` accepts the raw key (DOCUMENTED https://docs.imply.io/polaris/api-ingest-table) and base64 of ``KEY:``
        (DOCUMENTED polaris-sdk 20250425.14.0, ApiKeyCredential). GUESS: a password after the colon is rejected.

        :param header: Value of the header.
        :return: ``username`` and ``userId``.
        :raises ApiError: 401.
        """
        scheme, _, credential = (header or "").strip().partition(" ")
        credential = credential.strip()
        if scheme.lower() == "basic" and self._is_key(credential):
            return user_of_key(self._settings.api_key)
        if scheme.lower() == "bearer":
            return self._user_of_token(credential)
        raise _unauthorized("The API key is missing or not valid." if credential else "The request has no credentials.")

    def issue(self, form: dict[str, str]) -> dict[str, Any]:
        """
        Issue a token for a ``client_credentials`` request.

        GUESS: the endpoint is a Keycloak realm (according to its path), so the answers have Keycloak's shape.

        :param form: Fields of the form.
        :return: The token response.
        :raises ApiError: 400 for another grant, 401 for another client.
        """
        if form.get("grant_type") != "client_credentials":
            raise _token_refusal(400, "unsupported_grant_type", "Unsupported grant_type")
        known = _same(form.get("client_id", ""), self._settings.client_id)
        if not (known and _same(form.get("client_secret", ""), self._settings.client_secret)):
            raise _token_refusal(401, "unauthorized_client", "Invalid client or Invalid client credentials")
        now = self._clock()
        self._tokens = {token: end for token, end in self._tokens.items() if end > now - NANOSECONDS * 3600}
        token = f"emulator.{secrets.token_urlsafe(24)}.token"
        self._tokens[token] = now + int(self._settings.token_lifetime * NANOSECONDS)
        return {
            "access_token": token,
            "expires_in": int(self._settings.token_lifetime),
            "refresh_expires_in": 0,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": "profile email",
        }

    def _is_key(self, credential: str) -> bool:
        if _same(credential, self._settings.api_key):
            return True
        try:
            decoded = base64.b64decode(credential.replace("-", "+").replace("_", "/"), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return False
        return _same(decoded, self._settings.api_key + ":")

    def _user_of_token(self, token: str) -> dict[str, Any]:
        end = self._tokens.get(token)
        if end is None:
            raise _unauthorized("The token is not valid.")
        if end <= self._clock():
            # DOCUMENTED https://docs.imply.io/polaris/oauth: the gateway's shape, without a code.
            message = 'Token claims invalid: ["exp"]="token expired"'
            raise ApiError(401, message, body={"message": message})
        return user_of_client(self._settings.client_id)


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(errors="replace"), right.encode(errors="replace"))


def _unauthorized(message: str) -> ApiError:
    return ApiError(401, message, headers={"www-authenticate": 'Basic realm="polaris"'})


def _token_refusal(status: int, error: str, description: str) -> ApiError:
    return ApiError(status, description, body={"error": error, "error_description": description})
