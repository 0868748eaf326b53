# SPDX-License-Identifier: Apache-2.0
"""The exceptions of PEP 249, each raised ``from`` the error of this package that has the details, if there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_polaris.jobs.errors import PolarisApiError, PolarisError, PolarisSpecError


class Warning(Exception):  # noqa: A001, N818  # the name that PEP 249 requires
    """Required by PEP 249; never raised."""


class Error(Exception):
    """Base class of all errors."""


class InterfaceError(Error):
    """Raised when a cursor or a connection is used after it was closed."""


class DatabaseError(Error):
    """Base class of the errors of a query."""


class DataError(DatabaseError):
    """Raised when a value can't be a parameter, or can't be represented in Python."""


class OperationalError(DatabaseError):
    """Raised when the service didn't answer, or answered with an error that the query hasn't caused."""


class IntegrityError(DatabaseError):
    """Required by PEP 249; never raised."""


class InternalError(DatabaseError):
    """Required by PEP 249; never raised."""


class ProgrammingError(DatabaseError):
    """Raised when the service rejects the query, or when parameters don't fit it."""


class NotSupportedError(DatabaseError):
    """Raised when a query can't do what was requested, such as writing rows."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise the error of PEP 249, with the same message, for an error of this package."""
    try:
        yield
    except PolarisError as error:
        raise _class_for(error)(str(error)) from error


def _class_for(error: PolarisError) -> type[Error]:
    if isinstance(error, PolarisSpecError):
        return ProgrammingError
    if isinstance(error, PolarisApiError) and error.status in (400, 501):
        return ProgrammingError if error.status == 400 else NotSupportedError
    return OperationalError
