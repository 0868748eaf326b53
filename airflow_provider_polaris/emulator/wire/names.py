# SPDX-License-Identifier: Apache-2.0
"""
Validate names of tables and files. Performs no I/O.
"""

from __future__ import annotations

import unicodedata

# DOCUMENTED https://docs.imply.io/polaris/tables: the longest name of a table.
MAX_LENGTH = 255


def table_name_fault(name: str) -> str | None:
    """
    Return why a table name is invalid, or None.

    DOCUMENTED https://docs.imply.io/polaris/tables. GUESS: "emojis" are the symbols of the category So.
    """
    if not name:
        return "it is empty"
    if len(name) > MAX_LENGTH:
        return f"it is longer than {MAX_LENGTH} characters"
    if name != name.strip(" "):
        return "it starts or ends with a space"
    if name.startswith("."):
        return "it starts with '.'"
    if "/" in name:
        return "it contains '/'"
    return _character_fault(name)


def file_name_fault(name: str) -> str | None:
    """
    Return why a file name is invalid, or None.

    GUESS: the docs only require unique names; the emulator rejects names that could be paths.
    """
    if not name or name in {".", ".."}:
        return "it is empty or a directory"
    if len(name) > MAX_LENGTH:
        return f"it is longer than {MAX_LENGTH} characters"
    if "/" in name or "\\" in name:
        return "it is a path"
    return _character_fault(name)


def _character_fault(name: str) -> str | None:
    for character in name:
        category = unicodedata.category(character)
        if category in {"Cc", "Cs"}:
            return f"it contains the control character {character!r}"
        if character.isspace() and character != " ":
            return f"it contains the whitespace {character!r}"
        if category == "So" or "\ufff0" <= character <= "\uffff":
            return f"it contains the symbol {character!r}"
    return None
