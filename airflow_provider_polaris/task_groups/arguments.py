# SPDX-License-Identifier: Apache-2.0
"""Separate the arguments of Airflow's own ``TaskGroup`` from all others."""

from __future__ import annotations

from typing import Any

OF_GROUPS = frozenset(
    {
        "default_args",
        "prefix_group_id",
        "parent_group",
        "dag",
        "tooltip",
        "ui_color",
        "ui_fgcolor",
        "add_suffix_on_collision",
        "group_display_name",
    }
)


def split_group_arguments(arguments: dict[str, Any], *, tooltip: str) -> dict[str, Any]:
    """
    Remove Airflow's own arguments from all arguments, and return them.

    :param arguments: All arguments; Airflow's own are removed.
    :param tooltip: Default tooltip.
    """
    own = {name: arguments.pop(name) for name in OF_GROUPS & set(arguments)}
    return {"tooltip": tooltip, **own}
