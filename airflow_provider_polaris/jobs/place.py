# SPDX-License-Identifier: Apache-2.0
"""Name the place where jobs and tables are, for messages; performs no I/O."""

from __future__ import annotations


def name_place(project_id: str, base_url: str) -> str:
    """
    Return the name of a project, or of a cluster of a service that has no projects.

    >>> name_place("p1", "https://acme.eu-central-1.aws.api.imply.io")
    "project 'p1'"
    >>> name_place("", "http://router:8888")
    "the cluster at 'http://router:8888'"

    :param project_id: Id of the project; empty for a service without projects.
    :param base_url: Address of the service.
    """
    return f"project {project_id!r}" if project_id else f"the cluster at {base_url!r}"
