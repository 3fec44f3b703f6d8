"""Loads config.yaml: every mistake at once, each with its place and what was expected."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.config.base import RELATION, SENTENCE, Model
from exporter.config.document import Document, read
from exporter.config.errors import ConfigError, ConfigErrors, KeyPath, Origin, dotted
from exporter.config.models import Config
from exporter.config.schema import annotation_at, expected, model_of

Whole = TypeVar("Whole", bound=Model)


_SECRET = frozenset({"hash_key", "external_id", "endpoint_url"})
"""Keys whose values are not shown, wherever they come from: an address can carry a password."""


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """The config in a file, `${NAME}` taken from `environ`. Relative paths count from the file's folder; times are UTC.

    ConfigErrors with every mistake, when there is one.
    """
    return checked(Config, read(path, environ), path)


def checked(model: type[Whole], document: Document, path: Path) -> Whole:
    """The document that was read from a file, as a model of it. ConfigErrors with every mistake, those of the document included."""
    result = _validated(model, document, Origin(Path(os.path.abspath(path)).parent, document.places))
    errors = [*document.errors, *(result if isinstance(result, list) else [])]
    # Raised here and not where pydantic's error is at hand: that one holds the values, also those from the environment.
    if errors or isinstance(result, list):
        raise ConfigErrors(errors)
    return result


def _validated(model: type[Whole], document: Document, origin: Origin) -> Whole | list[ConfigError]:
    try:
        return model.model_validate(document.data, context=origin)
    except ValidationError as invalid:
        found = [(tuple(details["loc"]), details) for details in invalid.errors(include_url=False)]
        faults = [(path, details) for path, details in found if not any(path[:length] in document.unset for length in range(len(path) + 1))]
        return [_error(model, document, path, details) for path, details in faults]


def _error(model: type[Model], document: Document, path: KeyPath, details: ErrorDetails) -> ConfigError:
    message, told = _message(model, document, path, details)
    error = replace(document.places.error(dotted(path), message + told), told=told)
    if details["type"] == RELATION and not _written(document, path):
        # The default stands nowhere: the line to look at is that of the key which does not go with it.
        other = document.places.error(dotted(_other(path, details)), "")
        return replace(error, place=other.place, line=other.line)
    return error


def _written(document: Document, path: KeyPath) -> bool:
    return dotted(path) in document.places.lines


def _other(path: KeyPath, details: ErrorDetails) -> KeyPath:
    return (*path[:-1], details["ctx"]["other"])


def _message(model: type[Model], document: Document, path: KeyPath, details: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and the end of the sentence that tells a value."""
    context = details.get("ctx", {})
    match details["type"]:
        case "missing":
            return f"is missing, expected {_expected(model, path)}", ""
        case "extra_forbidden":
            return _unknown(model, path), ""
        case kind if kind == SENTENCE:
            return str(context["text"]), ""
        case kind if kind == RELATION:
            bound = "" if _other(path, details) in document.secret else f" ({context['bound']})"
            return f"expected {context['expected']} {context['other']}", f"{bound}{_got(document, path, details['input'])}"
        case "value_error":
            wanted = str(context["error"])
        case "greater_than_equal":
            wanted = f"{context['ge']} or more"
        case "less_than_equal":
            wanted = f"{context['le']} or less"
        case _:
            wanted = _expected(model, path)
    return f"expected {wanted}", _got(document, path, details["input"])


def _expected(model: type[Model], path: KeyPath) -> str:
    return expected(annotation_at(model, path))


def _got(document: Document, path: KeyPath, value: object) -> str:
    if document.hidden:
        return ""
    if path in document.secret:
        return "; the value comes from the environment"
    if not _SECRET.isdisjoint(path):
        return "; the value is not shown"
    if not _written(document, path):
        return f"; it is {value} unless set"
    match value:
        case None:
            return ", got nothing"
        case dict():
            return ", got a section"
        case list():
            return ", got a list"
    text = str(value)
    return f", got {text if len(text) <= 60 else text[:57] + '...'!r}"


def _unknown(model: type[Model], path: KeyPath) -> str:
    section = model_of(annotation_at(model, path[:-1]))
    known = list(section.model_fields) if section else []
    close = difflib.get_close_matches(str(path[-1]).lower().replace("-", "_"), known, n=1)
    return f"unknown key, did you mean {close[0]}?" if close else f"unknown key, expected one of {', '.join(known)}"
