"""What the models say about a key, in words: its type, and which keys may stand below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from exporter.config.base import Model
from exporter.config.errors import KeyPath
from exporter.config.scalars import Kind


def annotation_of(field: FieldInfo) -> Any:
    """The whole type of a field, of which pydantic keeps the outermost metadata apart."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _parts(annotation: Any) -> tuple[Any, Kind | None, bool]:
    """The bare type, the words for it where it is one of our scalars, and whether null is allowed."""
    if get_origin(annotation) is Annotated:
        bare, kind, nullable = _parts(annotation.__origin__)
        return bare, next((mark for mark in annotation.__metadata__ if isinstance(mark, Kind)), kind), nullable
    if get_origin(annotation) in (Union, UnionType):
        (inner,) = (choice for choice in get_args(annotation) if choice is not type(None))
        bare, kind, _ = _parts(inner)
        return bare, kind, True
    return annotation, None, False


def kinds(annotation: Any) -> Iterator[Kind]:
    """The scalars in a type: its own, those of its items or of its values."""
    bare, kind, _ = _parts(annotation)
    if kind is not None:
        yield kind
    elif get_origin(bare) in (tuple, dict):
        yield from kinds(_item(bare))


def _item(bare: Any) -> Any:
    """What a `tuple[X, ...]` or a `dict[str, X]` holds."""
    return get_args(bare)[0 if get_origin(bare) is tuple else 1]


def model_of(annotation: Any) -> type[Model] | None:
    """The section that a key is, or that the values of a mapping are."""
    bare, _, _ = _parts(annotation)
    if isinstance(bare, type) and issubclass(bare, Model):
        return bare
    return model_of(_item(bare)) if get_origin(bare) is dict else None


def is_mapping(annotation: Any) -> bool:
    """Whether the operator chooses the names of the keys below."""
    return get_origin(_parts(annotation)[0]) is dict


def type_name(annotation: Any) -> str:
    """The type for the reference: `duration or null`, `list of team rules`."""
    bare, kind, nullable = _parts(annotation)
    match get_origin(bare):
        case _ if kind is not None:
            name = kind.name
        case origin if origin is Literal:
            name = _either([f"`{choice}`" for choice in get_args(bare)] + ["`null`"] * nullable)
            nullable = False
        case origin if origin is tuple:
            name = f"list of: {type_name(_item(bare))}"
        case origin if origin is dict:
            name = f"names, each with: {type_name(_item(bare))}"
        case _:
            name = "section"
    return f"{name} or `null`" if nullable and model_of(bare) is None else name


def expected(annotation: Any) -> str:
    """What an error says should be there."""
    bare, kind, _ = _parts(annotation)
    if kind is not None:
        return kind.expected
    if get_origin(bare) is Literal:
        return _either(get_args(bare))
    return "a list" if get_origin(bare) is tuple else "a section with keys of its own"


def _either(choices: Sequence[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}"


def annotation_at(model: type[Model], path: KeyPath) -> Any:
    """The type at a key path below a model; None where the models know no such key."""
    annotation: Any = model
    for step in path:
        bare, _, _ = _parts(annotation)
        if isinstance(bare, type) and issubclass(bare, Model):
            field = bare.model_fields.get(str(step))
            if field is None:
                return None
            annotation = annotation_of(field)
        elif get_origin(bare) in (tuple, dict):
            annotation = _item(bare)
        else:
            return None
    return annotation
