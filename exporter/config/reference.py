"""Renders docs/config.md from the models: `python -m exporter.config.reference > docs/config.md`."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.fields import FieldInfo

from exporter.config.base import Model
from exporter.config.models import Config
from exporter.config.scalars import Kind
from exporter.config.schema import annotation_of, is_mapping, kinds, model_of, type_name

_HEAD = """\
<!-- Made by `python -m exporter.config.reference`. Change the models in exporter/config, not this page. -->
# config.yaml

One YAML file, named with `--config.file`. `config.example.yaml` has every key with its default, ready to be copied. Only `engine` and the
`location` of each source in use are needed.

- Every mistake is reported at once, with its file, line and key. Unknown keys and keys that stand twice are mistakes.
- `${NAME}` in a value is read from the environment, and must be set there; `$$` is a `$`. Such values never show in an error.
  Inside `{ }` or `[ ]` it needs quotes: `{external_id: "${EXTERNAL_ID}"}`.
- Top-level keys that start with `x-` are left alone, which makes them a place for anchors.
- All times and days are UTC. `null` or no value where a key may be `null` means "not set".
"""


def render() -> str:
    """The whole page."""
    top = Config.model_fields
    plain = {name: field for name, field in top.items() if model_of(annotation_of(field)) is None}
    parts = [_HEAD, _table([_row((name,), field) for name, field in plain.items()])]
    shown: dict[type[Model], str] = {}
    for name, field in top.items():
        section = model_of(annotation_of(field))
        if section is not None:
            shown[section] = name
            parts.append(f"## {name}\n\n{field.description}\n\n{_table(list(_rows(section, (name,), shown)))}")
    return "\n".join([*parts, "## Types\n", *(f"- **{kind.name}**: {kind.meaning}" for kind in _kinds()), ""])


def _rows(section: type[Model], path: tuple[str, ...], shown: dict[type[Model], str]) -> Iterator[str]:
    """A row for each key of a section and of the sections in it; one that was shown before, or the like of it, is only named."""
    for name, field in section.model_fields.items():
        annotation = annotation_of(field)
        inner = model_of(annotation)
        below = (*path, name, "<name>") if is_mapping(annotation) else (*path, name)
        known = next((shown[model] for model in inner.__mro__ if model in shown), None) if inner else None
        if inner and not known:
            shown[inner] = ".".join(below)
            yield _row((*path, name), field)
            yield from _rows(inner, below, shown)
        else:
            yield _row((*path, name), field, f"the keys of `{known}`" if known else None)


def _row(path: tuple[str, ...], field: FieldInfo, shape: str | None = None) -> str:
    default = "needed" if field.is_required() else f"`{_written(field.default)}`"
    cells = [f"`{'.'.join(path)}`", shape or type_name(annotation_of(field)), default, field.description or ""]
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _table(rows: list[str]) -> str:
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""])


def _written(default: object) -> str:
    """A default as it would stand in the file."""
    match default:
        case None:
            return "null"
        case bool():
            return str(default).lower()
        case dict():
            return f"{{{', '.join(f'{key}: {_written(value)}' for key, value in default.items())}}}"
        case tuple():
            return f"[{', '.join(map(_written, default))}]"
    return str(default)


def _kinds() -> list[Kind]:
    """The scalars that keys hold, by name."""
    found: set[Kind] = set()
    sections: list[type[Model]] = [Config]
    for section in sections:
        for field in section.model_fields.values():
            annotation = annotation_of(field)
            found.update(kinds(annotation))
            inner = model_of(annotation)
            if inner is not None and inner not in sections:
                sections.append(inner)
    return sorted(found, key=lambda kind: kind.name.lower())


if __name__ == "__main__":
    print(render(), end="")
