"""Which arguments of a task group are those of Airflow's own ``TaskGroup``."""

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
    Take Airflow's own arguments out of all that were given.

    :param arguments: What was given; the ones taken are gone from it afterwards.
    :param tooltip: The tooltip unless another was given.
    """
    own = {name: arguments.pop(name) for name in OF_GROUPS & set(arguments)}
    return {"tooltip": tooltip, **own}
