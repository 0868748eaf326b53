"""What the guards of a job from table to table would look at, in words for a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_polaris.guards import GuardOptions


def describe_source_guards(
    options: GuardOptions, mode: str, source: str, target: str, condition: str | None = None
) -> list[str]:
    """
    Say what the guards of a job from table to table look at.

    :param options: What may pass.
    :param mode: ``replace`` or ``append``.
    :param source: Table that the job reads.
    :param target: Table that it writes.
    :param condition: Its filter.
    """
    from airflow_provider_polaris.jobs.enclosure import check_expression
    from airflow_provider_polaris.jobs.errors import PolarisSpecError

    empty = {
        "fail": "fail if there are none",
        "skip": "be skipped if there are none",
        "succeed": "succeed without a job if there are none and the target has none either",
        "submit": "go on if there are none",
    }[options.on_empty_source]
    conflict = {
        "wait": "wait for other jobs that work on the same partitions",
        "fail": "fail if another job works on the same partitions",
    }[options.on_conflict]
    lines = [
        f"wait until {source!r} is available, 10 minutes at most",
        f"{conflict} of {target!r} (on_conflict={options.on_conflict!r})",
    ]
    if options.on_retention == "fail":
        lines.append(f"fail if the storage policy of {target!r} would drop what is written (on_retention='fail')")
    if mode != "replace":
        return [*lines, "count nothing, because the job appends"]
    if not options.counts:
        return [*lines, "count nothing, because on_empty_source and on_shrink are 'submit'"]
    try:
        if condition is not None:
            check_expression(condition, "filter_expression")
    except PolarisSpecError as error:
        return [f"fail, because {error}"]
    lines.append(
        f"count the rows of {source!r} for the job, by a query, and {empty} "
        f"(on_empty_source={options.on_empty_source!r})"
    )
    if options.on_shrink == "fail":
        lines.append(
            f"count the rows of {target!r} that would be replaced, by a query, and fail if there are some that "
            f"{source!r} can't give any more (on_shrink='fail')"
        )
    return lines
