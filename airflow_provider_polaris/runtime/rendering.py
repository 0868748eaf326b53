# SPDX-License-Identifier: Apache-2.0
"""
Render the templated arguments of all operators and sensors, and keep text as the user wrote it.

With ``render_template_as_native_obj`` Airflow evaluates each text as a Python literal, even one without a template:
table ``2024_06`` becomes 202406, and ``'city'`` loses its quotes. This module replaces that rendering:

- A text without template marks skips Jinja.
- A template of a text argument always returns text.
- For other arguments, a native DAG gets the value of the template's expression. Text is parsed as a list, an object, a
  number or a boolean only if the argument allows nothing else.

Performs no I/O except to read a template file.
"""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_polaris.runtime.argument_kinds import ARGUMENTS, OPEN, ArgumentKind, ValueKind
from airflow_provider_polaris.runtime.compat import BaseOperator

if TYPE_CHECKING:
    import jinja2

    from airflow_provider_polaris.runtime.compat import Context

#: The types as which text may be parsed, for arguments that aren't text.
_READABLE: Final[dict[ValueKind, tuple[type, ...]]] = {
    ValueKind.COLLECTION: (list, tuple, dict),
    ValueKind.SETTING: (bool, int, float, type(None)),
}


class RendersTexts(BaseOperator):
    """
    Base of all operators and sensors, which renders arguments by their kind.

    :mod:`airflow_provider_polaris.runtime.argument_kinds` defines the kind of each argument. A sensor lists this class
    before Airflow's own base class.
    """

    #: Kind of the argument that is being rendered.
    _meaning: ArgumentKind = OPEN

    def _do_render_template_fields(
        self, parent: Any, template_fields: Iterable[str], context: Context, *args: Any, **kwargs: Any
    ) -> None:
        """Render each field by its kind. Airflow also calls this for mapped tasks."""
        outer = self._meaning
        for name in template_fields:
            self._meaning = ARGUMENTS.get(name, OPEN) if parent is self else OPEN
            try:
                super()._do_render_template_fields(parent, (name,), context, *args, **kwargs)
            finally:
                self._meaning = outer

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """
        Render a value and the values inside it. Keys of objects are not rendered, as in Airflow.

        :param content: The value.
        :param context: Airflow's context.
        :param jinja_env: The environment of the DAG.
        :param seen_oids: Ids of objects that are already rendered.
        """
        environment = jinja_env or self.get_template_env()
        seen = set() if seen_oids is None else seen_oids
        is_file = (
            isinstance(content, str)
            and self._meaning.kind is ValueKind.COLLECTION
            and content.endswith(tuple(self.template_ext))
            and id(content) not in seen
        )
        if is_file:
            if environment.loader is None:
                raise TypeError(f"{content!r} can't be read: only a task of a DAG has template files.")
            content = environment.loader.get_source(environment, content)[0]
        return self._render_inside(self._meaning, content, context, environment, seen)

    def _render_inside(
        self, meaning: ArgumentKind, value: Any, context: Context, environment: jinja2.Environment, seen: set[int]
    ) -> Any:
        """Render the same values inside as Airflow's own ``render_template``."""

        def inner(part: Any, key: Any = None) -> Any:
            return self._render_inside(meaning.at(key), part, context, environment, seen)

        if id(value) in seen:
            return value
        if isinstance(value, str):
            return self._render_text(meaning.kind, value, context, environment)
        if isinstance(value, tuple) and type(value) is not tuple:  # a named tuple
            return type(value)(*map(inner, value))
        if isinstance(value, (list, tuple, set)):
            made: type = next(kind for kind in (list, tuple, set) if isinstance(value, kind))
            return made(map(inner, value))
        if isinstance(value, dict):
            return {key: inner(part, key) for key, part in value.items()}
        return super().render_template(value, context, environment, seen)

    def _render_text(self, kind: ValueKind, text: str, context: Context, environment: jinja2.Environment) -> Any:
        from jinja2.nativetypes import NativeEnvironment

        if not _has_marks(text, environment):
            return text
        is_native = isinstance(environment, NativeEnvironment)
        if kind is ValueKind.TEXT and is_native and (dag := self.get_dag()) is not None:
            environment, is_native = dag.get_template_env(force_sandboxed=True), False
        # Jinja removes a final newline by default.
        environment = environment.overlay(keep_trailing_newline=True)
        if is_native:
            environment.concat = _text_of if kind is ValueKind.TEXT else _value_of  # type: ignore[method-assign]
        value = _render(environment, text, context)
        return _read(value, _READABLE[kind]) if is_native and kind in _READABLE and isinstance(value, str) else value


def _has_marks(text: str, environment: jinja2.Environment) -> bool:
    """Return whether a text contains template marks, which a DAG can redefine."""
    marks = (
        environment.block_start_string,
        environment.variable_start_string,
        environment.comment_start_string,
        environment.line_statement_prefix,
        environment.line_comment_prefix,
    )
    return any(mark in text for mark in marks if mark)


def _render(environment: jinja2.Environment, text: str, context: Context) -> Any:
    """Render as Airflow does: ``Template.render`` would read every context value, and some raise warnings."""
    template = environment.from_string(text)
    known: Any = copy.copy(context)
    known.update((name, value) for name, value in template.globals.items() if name not in known)
    try:
        nodes = template.root_render_func(environment.context_class(environment, known, template.name, template.blocks))
        return environment.concat(nodes)
    except Exception:
        environment.handle_exception()  # makes the traceback point into the template


def _text_of(nodes: Iterable[Any]) -> str:
    return "".join(map(str, nodes))


def _value_of(nodes: Iterable[Any]) -> Any:
    """Return the value of a template that is one expression, otherwise text, which jinja2's own function evaluates."""
    from jinja2 import Undefined

    parts = list(nodes)
    values = [part for part in parts if not isinstance(part, str) or part.strip()]
    if not parts:
        return None
    if len(values) == 1 and not isinstance(values[0], (str, Undefined)):
        return values[0]
    return _text_of(parts)


def _read(text: str, kinds: tuple[type, ...]) -> Any:
    """Return the JSON or Python value of a text if it has one of these types, otherwise the text."""
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            value = read(text.strip())
            if isinstance(value, kinds):
                return value
    return text
