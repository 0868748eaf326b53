# SPDX-License-Identifier: Apache-2.0
"""Base class of the models of job specs: API names, no silent conversions, readable errors; performs no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from airflow_provider_polaris.jobs.errors import PolarisSpecError
from airflow_provider_polaris.jobs.spec.misspelling import hint
from airflow_provider_polaris.jobs.time.instant import quote

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

#: pydantic puts the tag of a union into the path of an error. Our tags begin with this character, to filter them out.
TAG: Final = "<"

_RULES: Final[Mapping[str, tuple[str, str]]] = {
    "string_type": ("is not text", "Write it in quotes."),
    "bool_type": ("is neither true nor false", "Write true or false, without quotes."),
    "int_type": ("is not a whole number", "Write digits, without quotes."),
    "int_from_float": ("is not a whole number", "Write digits, without quotes."),
    "tuple_type": ("is not a list", "Put it into square brackets."),
    "dict_type": ("is not an object", "Write it as {...}."),
    "model_type": ("is not an object", "Write it as {...}."),
    "model_attributes_type": ("is not an object", "Write it as {...}."),
    "union_tag_not_found": ("is not an object with a type", 'Write it as {"type": ..., ...}.'),
    "invalid-json-value": ("can't be written as JSON", "Use text, numbers, true, false, null, lists and objects only."),
}


class _SentenceErrors(ModelMetaclass):
    """Make ``Model(...)`` raise :class:`PolarisSpecError` instead of pydantic's error, and refuse unknown arguments."""

    def __call__(cls, *args: Any, **values: Any) -> Any:  # noqa: N805
        try:
            model = super().__call__(*args, **values)
        except ValidationError as error:
            raise spec_error(error, cls.__name__) from None
        for name in model.model_extra or ():
            known = ", ".join(sorted(type(model).model_fields))
            raise PolarisSpecError(f"{cls.__name__} has no field {name!r}. It has {known}.")
        return model


class WireModel(BaseModel, metaclass=_SentenceErrors):
    """
    Base class for the parts of a job spec.

    The constructor takes Python names (``table_name``) and refuses unknown fields.
    :func:`~airflow_provider_polaris.jobs.spec.job_spec.parse_spec` takes API names (``tableName``) and keeps unknown
    fields, because the API may have new ones. ``null`` means the same as a missing field.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="allow", strict=False
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_null(cls, data: Any) -> Any:
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, Mapping) else data

    def to_wire(self) -> dict[str, Any]:
        """
        Return the JSON object for Polaris, with all defaults written out.

        It equals the object that the vendor's SDK sends for the same job. Source: polaris-sdk 20250425.14.0.
        """
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def spec_error(error: ValidationError, subject: str) -> PolarisSpecError:
    """
    Convert pydantic's error to a :class:`PolarisSpecError` for its first detail.

    :param error: The error that pydantic raised.
    :param subject: Name of the parsed object, for the message.
    """
    details = error.errors(include_url=False)
    first = details[0]
    reason = first.get("ctx", {}).get("error")
    more = f" There are {len(details)} such mistakes in all." if len(details) > 1 else ""
    if isinstance(reason, PolarisSpecError):
        return PolarisSpecError(f"{reason}{more}")
    path = _path(first["loc"])
    if first["type"] == "missing":
        absent = f"{path} of the {subject}"
        if slip := hint(str(first["loc"][-1]), first["input"]):
            return PolarisSpecError(f"{absent} is missing, and Polaris requires it. {slip}{more}")
        return PolarisSpecError(f"{absent} is missing, and Polaris requires it. Add it.{more}")
    if first["type"] == "literal_error":
        rule, fix = "is not a value that Polaris accepts", f"Write {first['ctx']['expected']}."
    else:
        rule, fix = _RULES.get(first["type"], (f"is refused: {first['msg']}", "Correct it."))
        if first["type"] == "union_tag_not_found" and isinstance(first["input"], Mapping):
            fix = hint("type", first["input"]) or fix
    return PolarisSpecError(f"{path} {quote(first['input'])} of the {subject} {rule}. {fix}{more}")


def _path(location: tuple[str | int, ...]) -> str:
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not part.startswith(TAG):
            path += f".{part}" if path else part
    return path
