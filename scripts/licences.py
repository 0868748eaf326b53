# SPDX-License-Identifier: Apache-2.0
"""
List the licences of everything that is installed with the package and its extras, with versions, as CSV.

Only what the package requires, directly or indirectly, is listed, not the tools of its development. A licence is what
the distribution says of itself: its licence expression, otherwise its classifiers, otherwise the first line of its
field *License*.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PACKAGE = "airflow-provider-polaris"
EXTRAS = frozenset({"emulator", "openlineage"})
_CLASSIFIER = "License :: OSI Approved :: "


class Licence(NamedTuple):
    """One line."""

    name: str
    version: str
    licence: str


def licence_of(found: Distribution) -> str:
    """
    Return what a distribution says of its licence; ``unknown`` if it says nothing.

    :param found: An installed distribution.
    """
    meta = found.metadata
    if expression := meta.get("License-Expression"):
        return str(expression)
    classified = [line for line in meta.get_all("Classifier") or () if line.startswith("License ::")]
    if classified:
        return "; ".join(line.removeprefix(_CLASSIFIER).removeprefix("License :: ") for line in classified)
    stated = str(meta.get("License") or "").strip()
    return stated.splitlines()[0] if stated else "unknown"


def licences(package: str = PACKAGE, extras: frozenset[str] = EXTRAS) -> list[Licence]:
    """
    Return the lines, by name; the package itself is not among them.

    :param package: An installed distribution.
    :param extras: Its extras.
    """
    seen: set[tuple[str, frozenset[str]]] = set()
    lines: dict[str, Licence] = {}
    waiting = [(package, extras)]
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            found = distribution(name)
        except PackageNotFoundError:  # for another platform, or an optional one
            continue
        if name != package:
            lines[name] = Licence(found.name, found.version, licence_of(found))
        waiting += _required(found, wanted)
    return [lines[name] for name in sorted(lines)]


def _required(found: Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for text in found.requires or ():
        each = Requirement(text)
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(each.name), frozenset(each.extras)


def main() -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(Licence._fields)
    writer.writerows(licences())


if __name__ == "__main__":
    main()
