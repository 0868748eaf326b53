# SPDX-License-Identifier: Apache-2.0
"""The table of kinds has every argument, and every known field of the specs."""

from __future__ import annotations

import re
import typing
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from airflow_provider_polaris.jobs.spec import job_spec as spec
from airflow_provider_polaris.runtime.argument_kinds import ARGUMENTS, OPEN, SETTING, TEXT, ArgumentKind, ValueKind
from tests.runtime.rendering.public import OPERATORS, parameters

FIELDS = sorted({(cls.__name__, name) for cls in OPERATORS for name in cls.template_fields})
ANNOTATIONS = {(cls.__name__, each.name): str(each.annotation) for cls in OPERATORS for each in parameters(cls)}


@pytest.mark.parametrize("cls, name", FIELDS)
def test_meaning_of_an_argument_is_that_of_its_annotation(cls: str, name: str) -> None:
    """A text argument is text, and one that can be a list or an object is parsed; the table has no others."""
    words = set(re.findall(r"\w+", ANNOTATIONS[cls, name])) - {"None"}
    meaning = ARGUMENTS.get(name, OPEN)
    if words == {"Any"}:  # results of other tasks
        assert meaning.kind in (ValueKind.TEXT, ValueKind.COLLECTION)
    elif words <= {"str", "Interval", "datetime"}:
        assert meaning is TEXT
    elif words & {"Sequence", "Mapping"}:
        assert meaning.kind is ValueKind.COLLECTION
    else:
        assert words & {"bool", "int", "float"}
        assert meaning is OPEN


def test_table_has_no_argument_that_is_gone() -> None:
    """Each entry is an argument of some class."""
    assert set(ARGUMENTS) == {name for _, name in FIELDS if name in ARGUMENTS}


@pytest.mark.parametrize(
    "model",
    [
        spec.BatchJobSpec,
        spec.SqlJobSpec,
        spec.DeleteDataJobSpec,
        spec.RestoreDataJobSpec,
        spec.DropTableJobSpec,
    ],
)
def test_meaning_of_a_field_of_a_spec_is_that_of_its_model(model: type[BaseModel]) -> None:
    """Texts stay text, booleans and numbers are settings, lists and objects are parsed."""
    _compare(model, ARGUMENTS["spec"], model.__name__)


def _compare(annotation: Any, meaning: ArgumentKind, path: str) -> None:
    origin = get_origin(annotation)
    if origin is Annotated:
        _compare(get_args(annotation)[0], meaning, path)
    elif origin in (Union, UnionType):
        for member in get_args(annotation):
            if member is not type(None):
                _compare(member, meaning, path)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        hints = typing.get_type_hints(annotation, include_extras=True)
        for name, field in annotation.model_fields.items():
            _compare(hints[name], meaning.at(str(field.alias)), f"{path}.{field.alias}")
    elif origin is tuple:
        assert meaning.kind is ValueKind.COLLECTION, path
        _compare(get_args(annotation)[0], meaning.at(), f"{path}[]")
    elif origin is dict:
        assert (meaning.kind, meaning.at("any")) == (ValueKind.COLLECTION, OPEN), path
    elif annotation in (bool, int):
        assert meaning is SETTING, path
    elif annotation is str or origin is Literal:
        assert meaning is TEXT, path
    else:
        assert (str(annotation), meaning) == ("JsonValue", OPEN), path
