# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64

from airflow_provider_polaris.client.http.auth import log
from airflow_provider_polaris.client.polaris.settings import ClientSettings


class ApiKeyCredentials:
    """
    Authenticate with an API key in one of its two forms, and fall back to the other form after a 401.

    The vendor's SDK sends ``Basic base64(KEY:)``, the vendor's current samples send ``Basic KEY``
    (docs.imply.io/polaris/api-keys). After a 401 nothing was carried out, so even a POST may be sent in the other form.
    The form that worked is kept. Once a form has worked, a 401 is caused by the key and not by its form.
    """

    def __init__(self, settings: ClientSettings) -> None:
        key = settings.api_key or ""
        encoded = base64.b64encode(f"{key}:".encode()).decode("ascii")
        self._forms = [f"Basic {encoded}", f"Basic {key}"]
        if settings.auth == "raw_api_key":
            self._forms.reverse()
        self._current = 0
        self._confirmed = False
        self._auth = settings.auth
        self._connection_name = settings.connection_name

    def header(self) -> str:
        """Return the form that worked, otherwise the configured one."""
        return self._forms[self._current]

    def refused(self, header: str) -> bool:
        """Switch to the other form, unless one form has already worked."""
        if self._confirmed:
            return False
        self._current = 1 - self._forms.index(header)
        return True

    def accepted(self, header: str) -> None:
        """Keep this form; log it once if it is not the configured one."""
        if self._confirmed:
            return
        self._confirmed = True
        self._current = self._forms.index(header)
        if self._current == 1:
            other = "api_key" if self._auth == "raw_api_key" else "raw_api_key"
            log.warning(
                "Polaris refused the API key of connection %r in the form of auth=%r and accepted it in that of "
                "auth=%r, which is used from now on. Set the extra 'auth' to %r to save the first request.",
                self._connection_name,
                self._auth,
                other,
                other,
            )

    def description(self) -> str:
        """Return ``the API key in connection '...'``."""
        return f"the API key in connection {self._connection_name!r}"

    def __repr__(self) -> str:
        return f"ApiKeyCredentials({self._connection_name!r}, auth={self._auth!r})"
