"""Reads a YAML file into plain text values, with the line of every key and `${NAME}` filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from exporter.config.errors import ConfigError, ConfigErrors, KeyPath, Places, dotted

_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "timestamp"))
_COLLECTIONS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("map", "seq"))
_VARIABLE = re.compile(r"\$\$|\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Aliases of aliases multiply: a file of ten lines can stand for more values than fit in memory.
_MOST_VALUES = 100_000
_MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """A file as dicts, lists, None and text: the models decide what a text means, so that 0.04 stays exact and `no` can be a name."""

    data: dict[str, object]
    places: Places
    errors: tuple[ConfigError, ...]
    secret: frozenset[KeyPath]
    """Values that came from the environment: never to be shown."""
    unset: frozenset[KeyPath]
    """Values that could not be filled in, which is already in `errors`."""
    hidden: bool = False
    """Whether no value of this file is ever to be shown."""


@dataclass(frozen=True, slots=True)
class Format:
    """What differs from one kind of file to another."""

    example: str
    """Where an operator finds every key."""
    sample: str
    """A key with a value."""
    free_keys: bool
    """Whether top-level keys that start with `x-` are left out, as places for anchors."""
    hidden: bool


CONFIG_YAML = Format("config.example.yaml", "engine: duckdb", free_keys=True, hidden=False)


class TextLoader(yaml.SafeLoader):
    """Knows null and merge keys. Every other scalar is text."""


TextLoader.yaml_implicit_resolvers = {}
TextLoader.add_implicit_resolver(_NULL, re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
TextLoader.add_implicit_resolver(_MERGE, re.compile(r"^<<$"), ["<"])


def read(path: Path, environ: Mapping[str, str], format: Format = CONFIG_YAML) -> Document:
    """The file with `${NAME}` from `environ`.

    ConfigErrors when it cannot be read as one YAML mapping; lesser mistakes are in the document's `errors`.
    """
    text = _content(path, format)
    try:
        root = yaml.compose(text, Loader=TextLoader)
        if root is None or root.tag == _NULL:
            raise _whole_file(path, f"holds no keys; start from {format.example}, which has them all")
        if not isinstance(root, yaml.MappingNode):
            kind = "a list" if isinstance(root, yaml.SequenceNode) else "text"
            raise _whole_file(path, f"expected keys with values such as '{format.sample}', got {kind}")
        return _Reading(path, environ, format).document(root)
    except yaml.MarkedYAMLError as error:
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        mark = error.problem_mark or error.context_mark
        position = mark.index if mark else 0
        if text[max(position - 1, 0) : position + 1] == "${":
            problem += "; ${NAME} inside { } or [ ] needs quotes"
        if text[position : position + 1] == "\t":
            problem = "a tab stands here; indent with spaces"
        raise _syntax(path, text, position, problem) from None
    except yaml.reader.ReaderError as error:
        raise _syntax(path, text, error.position, f"the character #x{ord(text[error.position]):04x} is not allowed") from None
    except RecursionError:
        raise _whole_file(path, "is nested too deeply") from None


def _content(path: Path, format: Format) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise _whole_file(path, f"there is no such file; name another one, or make it from {format.example}") from None
    except IsADirectoryError:
        raise _whole_file(path, "is a folder; name the file in it") from None
    except OSError as error:
        raise _whole_file(path, f"cannot be read: {error.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise _whole_file(path, f"has more than {_MOST_BYTES:,} bytes, which no config needs; name another file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigErrors([ConfigError(f"{path}:{line}", line, "", "is not UTF-8; save it in that encoding")]) from None


def _whole_file(path: Path, message: str) -> ConfigErrors:
    return ConfigErrors([ConfigError(str(path), 0, "", message)])


def _syntax(path: Path, text: str, position: int, problem: str) -> ConfigErrors:
    before = text[:position]
    line, column = before.count("\n") + 1, position - before.rfind("\n")
    return ConfigErrors([ConfigError(f"{path}:{line}:{column}", line, "", f"not valid YAML: {problem}")])


class _Reading:
    """One walk over the nodes of a file."""

    def __init__(self, path: Path, environ: Mapping[str, str], format: Format) -> None:
        self.path = path
        self.environ = environ
        self.format = format
        self.lines: dict[KeyPath, int] = {}
        self.errors: list[ConfigError] = []
        self.secret: set[KeyPath] = set()
        self.unset: set[KeyPath] = set()
        self.visited = 0

    def document(self, root: yaml.MappingNode) -> Document:
        data = self.mapping(root, (), [root])
        places = Places(str(self.path), {dotted(path): line for path, line in self.lines.items()})
        return Document(data, places, tuple(self.errors), frozenset(self.secret), frozenset(self.unset), self.format.hidden)

    def fault(self, path: KeyPath, line: int, message: str) -> None:
        self.errors.append(ConfigError(f"{self.path}:{line}", line, dotted(path), message))

    def visit(self) -> None:
        self.visited += 1
        if self.visited > _MOST_VALUES:
            raise _whole_file(self.path, f"holds more than {_MOST_VALUES} values once its aliases are followed")

    def value(self, node: yaml.Node, path: KeyPath, around: list[yaml.Node]) -> object:
        self.visit()
        line = self.lines[path]
        if any(node is outer for outer in around):
            self.fault(path, line, "is an alias of a section that it stands in")
            self.unset.add(path)
            return None
        if node.tag not in _TEXT | _COLLECTIONS | {_NULL}:
            self.fault(path, line, f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')} is not supported; leave it out")
            self.unset.add(path)
            return None
        match node:
            case yaml.MappingNode():
                return self.mapping(node, path, [*around, node])
            case yaml.SequenceNode():
                return self.sequence(node, path, [*around, node])
            case _:
                return None if node.tag == _NULL else self.text(node.value, path, line)

    def mapping(self, node: yaml.MappingNode, path: KeyPath, around: list[yaml.Node]) -> dict[str, object]:
        section: dict[str, object] = {}
        for key, (line, value) in self.entries(node, path, around).items():
            if path or not (self.format.free_keys and key.startswith("x-")):
                self.lines[*path, key] = line
                section[key] = self.value(value, (*path, key), around)
        return section

    def sequence(self, node: yaml.SequenceNode, path: KeyPath, around: list[yaml.Node]) -> list[object]:
        items: list[object] = []
        for index, item in enumerate(node.value):
            self.lines[*path, index] = item.start_mark.line + 1
            items.append(self.value(item, (*path, index), around))
        return items

    def entries(self, node: yaml.MappingNode, path: KeyPath, around: list[yaml.Node]) -> dict[str, tuple[int, yaml.Node]]:
        """The values of a mapping by key, with the line of each key; merged ones (`<<`) below its own."""
        own: dict[str, tuple[int, yaml.Node]] = {}
        merged: dict[str, tuple[int, yaml.Node]] = {}
        merge_line = 0
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == _MERGE:
                if merge_line:
                    self.fault((*path, "<<"), line, f"stands twice in this section, first in line {merge_line}")
                merge_line = merge_line or line
                merged |= self.merged(value, path, line, around)
            elif not isinstance(key, yaml.ScalarNode):
                self.fault(path, line, "expected a key of plain text")
            elif key.value in own:
                self.fault((*path, key.value), line, f"stands twice in this section, first in line {own[key.value][0]}")
            else:
                own[key.value] = (line, value)
        return merged | own

    def merged(self, value: yaml.Node, path: KeyPath, line: int, around: list[yaml.Node]) -> dict[str, tuple[int, yaml.Node]]:
        entries: dict[str, tuple[int, yaml.Node]] = {}
        for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            self.visit()
            if not isinstance(source, yaml.MappingNode) or any(source is outer for outer in around):
                self.fault((*path, "<<"), line, "expected an alias of another section, or a list of them")
            else:
                found = self.entries(source, path, [*around, source])
                self.visited += len(found)
                entries = found | entries
        return entries

    def text(self, raw: str, path: KeyPath, line: int) -> str:
        """The text with `${NAME}` filled in. What a variable holds is not looked at again for more."""
        parts: list[str] = []
        end = 0
        for found in _VARIABLE.finditer(raw):
            parts += [raw[end : found.start()], self.variable(found, path, line)]
            end = found.end()
        return "".join([*parts, raw[end:]])

    def variable(self, found: re.Match[str], path: KeyPath, line: int) -> str:
        if found[0] == "$$":
            return "$"
        name = found[1]
        if not found[0].endswith("}") or not _NAME.fullmatch(name):
            self.fault(path, line, "expected ${NAME} with letters, digits and underscores, or $$ for a $")
        elif name not in self.environ:
            self.fault(path, line, f"the environment variable {name} is not set; set it for the exporter, or write $$ for a $ that begins none")
        else:
            self.secret.add(path)
            return self.environ[name]
        self.unset.add(path)
        return ""
