"""Load, override, hash and record configurations.

A configuration is a frozen keyword-only dataclass that lives beside the thing it configures. This module
turns YAML or JSON into such a dataclass, checks every key and type (pydantic, strict), and writes
``run.json`` beside every output.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import types
import typing
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from longwave import __version__
from longwave.errors import (
    ConfigError,
    DataError,
    MissingFile,
    ShapeError,
    StorageError,
    TableError,
    nearest,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from yaml import Node

__all__ = [
    "RunRecord",
    "apply_overrides",
    "config_hash",
    "load_config",
    "naming",
    "read_config_file",
    "read_run_record",
    "replacing",
    "to_dict",
    "write_json",
    "write_run_record",
]

T = TypeVar("T")
Json = dict[str, object]
RUN_FILE = "run.json"
MOST_VALUES = 1_000_000  # of a file, aliases written out: a few lines of them can stand for any number


def load_config(cls: type[T], source: Path | str | Mapping[str, object]) -> T:
    """Build a configuration from a YAML or JSON file, or from a mapping.

    A ``run.json`` written by an earlier run is accepted too, so that a run can be repeated from its record.

    Parameters
    ----------
    cls : type
        A frozen dataclass.
    source : Path, str or mapping
        File to read, or the values themselves.

    Raises
    ------
    ConfigError
        For an unknown key or a wrong type; the message names the dotted path and the line of the file.
    MissingFile
        If the file does not exist.
    """
    if isinstance(source, Mapping):
        return _validate(cls, dict(source), where="", lines={})
    path = Path(source)
    data, lines = read_config_file(path)
    if path.name == RUN_FILE and isinstance(data.get("config"), dict):
        data, lines = typing.cast(Json, data["config"]), {}
    return _validate(cls, data, where=str(path), lines=lines)


def read_config_file(path: Path) -> tuple[Json, dict[str, int]]:
    """Read a YAML or JSON mapping and the line of each dotted key.

    Raises
    ------
    MissingFile, ConfigError
        If the file does not exist, is not UTF-8, is not YAML, sets a key twice, or holds something else than
        a mapping.
    """
    import yaml

    if not path.is_file():
        raise MissingFile(
            f'No configuration file "{path}". Give a recipe\'s name or the path of a YAML or JSON file.'
        )
    try:
        text = path.read_text("utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if _count_values(node) > MOST_VALUES:
            raise ConfigError(
                f'"{path}" holds more than {MOST_VALUES:,} values once its aliases are written out. Leave '
                "them out."
            )
        data, lines = yaml.load(text, Loader=_yaml_loader()), _key_lines(node, path)
    except UnicodeDecodeError as error:
        raise ConfigError(f'"{path}" is not UTF-8 text (byte {error.start}). Save it as UTF-8.') from error
    except yaml.YAMLError as error:
        raise ConfigError(f'"{path}" is not valid YAML or JSON: {error}. Mend the line it names.') from error
    except RecursionError as error:
        raise ConfigError(f'"{path}" is nested too deep, or holds itself. Write out its aliases.') from error
    except ConfigError:
        raise
    except (OSError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        # what PyYAML lets through of values that only look like dates and numbers
        raise ConfigError(
            f'"{path}" cannot be read: {error}. Mend it, or put such values in quotes.'
        ) from error
    if not isinstance(data, dict):
        raise ConfigError(f'"{path}" holds {type(data).__name__}, not a mapping of keys to values.')
    return data, lines


def apply_overrides(config: T, overrides: Sequence[str]) -> T:
    """Return a copy of a configuration with ``dotted.key=value`` settings applied.

    Parameters
    ----------
    config : dataclass instance
    overrides : sequence of str
        For example ``["optim.lr=3e-4", "model.attention_layers=[1, 7]"]``; values are read as YAML.

    Raises
    ------
    ConfigError
        If an entry is not ``key=value``, a key is unknown or a value has the wrong type.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Small:
    ...     lr: float = 1e-3
    >>> apply_overrides(Small(), ["lr=0.5"]).lr
    0.5
    """
    import yaml

    data = to_dict(config)
    for entry in overrides:
        key, equals, text = entry.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f'"{entry}" is not a setting. Write key=value, for example steps=100.')
        try:
            value = yaml.load(text, Loader=_yaml_loader()) if text else None
        except yaml.YAMLError as error:
            raise ConfigError(f'The value of "{entry}" cannot be read: {error}.') from error
        _assign(type(config), data, key.strip(), value)
    return _validate(type(config), data, where="", lines={})


def to_dict(config: object) -> Json:
    """Turn a configuration into plain values that JSON and YAML can hold (tuples become lists)."""
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise ConfigError(f"A configuration is a dataclass instance, not {type(config).__name__}.")
    return typing.cast(Json, json.loads(json.dumps(dataclasses.asdict(config), default=_plain)))


def config_hash(*parts: object) -> str:
    """Hash configurations, mappings or strings together to 16 hexadecimal digits (SHA-256 of JSON)."""
    plain = [to_dict(part) if dataclasses.is_dataclass(part) else part for part in parts]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What is written beside every output: enough to repeat the run.

    Parameters
    ----------
    kind : str
        What ran, e.g. ``"train"`` or ``"evaluate"``.
    version : str
        Version of Longwave.
    seed : int
    config : dict
        The resolved configuration.
    data_hash : str
        Hash of the input data, empty when there is none.
    hash : str
        Hash of configuration and data together; equal hashes mean the same run.
    """

    kind: str
    version: str
    seed: int
    config: Json
    data_hash: str
    hash: str


def write_run_record(folder: Path, *, kind: str, config: object, seed: int, data_hash: str = "") -> RunRecord:
    """Write ``run.json`` into a folder and return what was written.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    plain = to_dict(config)
    record = RunRecord(
        kind=kind,
        version=__version__,
        seed=seed,
        config=plain,
        data_hash=data_hash,
        hash=config_hash(plain, data_hash),
    )
    write_json(folder / RUN_FILE, dataclasses.asdict(record))
    return record


def read_run_record(folder: Path) -> RunRecord | None:
    """Read ``run.json`` of a folder; None when there is none.

    Raises
    ------
    ConfigError
        If the file is there but is no run record.
    """
    path = folder / RUN_FILE
    if not path.is_file():
        return None
    try:
        return RunRecord(**json.loads(path.read_text("utf-8")))
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f'"{path}" is not a run record: {error}. Choose another folder or delete the file.'
        ) from error


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically: a reader sees the old file or the new one, never half of it.

    Raises
    ------
    StorageError
        If the disk is full or the folder cannot be written; the old file stays.
    """
    with replacing(path) as temporary:
        text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n"
        # half a surrogate pair, as in the name of a file that is not UTF-8, becomes its JSON escape
        temporary.write_text(text, "utf-8", "backslashreplace")


@contextlib.contextmanager
def replacing(path: Path, *failures: type[Exception]) -> Iterator[Path]:
    """Yield a path to write to; at the end its file takes the place of ``path``, or nothing changes.

    Parameters
    ----------
    path : Path
        Its folder is made when missing.
    *failures : type
        What the body may raise besides OSError when writing fails.

    Raises
    ------
    StorageError
        If the disk is full or the folder cannot be written; the old file stays.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if temporary.is_symlink():  # in a folder from elsewhere it may lead to any file of ours
            temporary.unlink()
        yield temporary
        temporary.replace(path)
    except (OSError, *failures) as error:  # type: ignore[misc]  # mypy cannot unpack here
        with contextlib.suppress(OSError):  # the folder itself may be what is wrong
            temporary.unlink(missing_ok=True)
        raise StorageError(
            f'Cannot write "{path}": {error}. Free some space or choose another folder.'
        ) from error


@contextlib.contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Begin the message of what is wrong with the contents of a file by its name, where it lacks that."""
    try:
        yield
    except (DataError, ShapeError, TableError) as error:
        if str(path) in str(error):
            raise
        raise type(error)(f'"{path}": {error}') from error


def _validate(cls: type[T], data: Json, *, where: str, lines: Mapping[str, int]) -> T:
    _check_keys(cls, data, "", where, lines)
    return _build(cls, data, "", where, lines)


def _build(cls: type[T], data: object, prefix: str, where: str, lines: Mapping[str, int]) -> T:
    from pydantic import ValidationError

    try:
        return typing.cast(
            T,
            _adapter(typing.cast(Hashable, cls)).validate_json(json.dumps(data, default=_plain), strict=True),
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = prefix + ".".join(str(part) for part in first["loc"])
        got = f" (got {json.dumps(first.get('input'), default=str)})" if first["type"] != "missing" else ""
        raise ConfigError(
            f'"{key}" in {cls.__name__}{_place(key, where, lines)} is wrong: {first["msg"]}{got}.'
        ) from error


@cache
def _adapter(cls: Hashable) -> TypeAdapter[object]:
    from pydantic import TypeAdapter

    return TypeAdapter(typing.cast(type, cls))


def _check_keys(
    cls: type, data: Mapping[str, object], prefix: str, where: str, lines: Mapping[str, int]
) -> None:
    hints = typing.get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls)]
    for key, value in data.items():
        if key not in hints or key not in known:
            raise _unknown_key(cls, str(key), known, _place(prefix + str(key), where, lines))
        inner = _dataclass_for(hints[key], value)
        if inner is not None and isinstance(value, Mapping):
            _check_keys(inner, value, f"{prefix}{key}.", where, lines)
            if len(_dataclasses_in(hints[key])) > 1:  # or a mistake might make it pass for another one
                _build(inner, value, f"{prefix}{key}.", where, lines)


def _assign(cls: type, data: Json, dotted: str, value: object) -> None:
    """Set one dotted key, walking through nested dataclasses and open mappings."""
    head, _, rest = dotted.partition(".")
    known = [field.name for field in dataclasses.fields(cls)]
    if head not in known:
        raise _unknown_key(cls, head, known, "")
    if not rest:
        data[head] = value
        return
    child = data.get(head)
    inner = _dataclass_for(typing.get_type_hints(cls)[head], child)
    child = dict(child) if isinstance(child, Mapping) else {}
    data[head] = child
    if inner is not None:
        _assign(inner, child, rest, value)
        return
    *parents, last = rest.split(".")
    for part in parents:
        inside = child.get(part)
        child[part] = inside = dict(inside) if isinstance(inside, Mapping) else {}
        child = inside
    child[last] = value


def _unknown_key(cls: type, key: str, known: Sequence[str], place: str) -> ConfigError:
    close = nearest(key, known, n=1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    return ConfigError(f'Unknown key "{key}" in {cls.__name__}{place}.{hint} Known: {", ".join(known)}.')


def _dataclass_for(hint: object, value: object) -> type | None:
    """Return the dataclass that a value is for: of several, one whose closed choices fit, with most keys.

    Where some have a key ``kind`` and others do not, a value without one is for the others.
    """
    given = dict(value) if isinstance(value, Mapping) else {}
    found = _dataclasses_in(hint)
    kinds = {cls: typing.get_args(typing.get_type_hints(cls).get("kind")) for cls in found}
    known = [str(kind) for each in kinds.values() for kind in each]
    if "kind" not in given:
        found = [cls for cls in found if not kinds[cls]] or found
    elif given["kind"] in known:
        found = [cls for cls in found if given["kind"] in kinds[cls]]
    elif len(found) > 1 and known:
        raise ConfigError(f'There is no kind "{given["kind"]}". Known: {", ".join(known)}. Name one of them.')
    return max(found, key=lambda cls: _likeness(cls, given), default=None)


def _likeness(cls: type, given: Mapping[object, object]) -> tuple[int, int]:
    """Tell how well keys and values fit a dataclass: minus the wrong closed choices, then the known keys."""
    hints = {name: hint for name, hint in typing.get_type_hints(cls).items() if name in given}
    closed = [name for name, hint in hints.items() if typing.get_origin(hint) is typing.Literal]
    return -sum(given[name] not in typing.get_args(hints[name]) for name in closed), len(hints)


def _dataclasses_in(hint: object) -> list[type]:
    """Return the dataclasses a type hint stands for, looking through ``X | None`` and ``X | Y``."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return [hint]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return [found for part in typing.get_args(hint) for found in _dataclasses_in(part)]
    return []


def _place(key: str, where: str, lines: Mapping[str, int]) -> str:
    if not where:
        return ""
    return f' ("{where}", line {lines[key]})' if key in lines else f' ("{where}")'


def _count_values(node: Node | None, known: dict[int, int] | None = None) -> int:
    """Count the values of a file with aliases written out; each node is counted once and remembered."""
    import yaml

    known = {} if known is None else known
    if id(node) in known:
        if not known[id(node)]:
            raise RecursionError("a value holds itself")
        return known[id(node)]
    known[id(node)] = 0  # being counted
    parts: list[Node] = []
    if isinstance(node, yaml.MappingNode):
        parts = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        parts = list(node.value)
    known[id(node)] = 1 + sum(_count_values(part, known) for part in parts)
    return known[id(node)]


def _key_lines(node: Node | None, path: Path, prefix: str = "") -> dict[str, int]:
    """Return the line of each dotted key; refuse a key that is set twice, where YAML keeps the last."""
    import yaml

    lines: dict[str, int] = {}
    seen: dict[str, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            dotted, line = f"{prefix}{key.value}", key.start_mark.line + 1
            if dotted in seen:
                raise ConfigError(f'"{path}" sets "{dotted}" twice (lines {seen[dotted]}, {line}). Keep one.')
            seen[dotted] = lines[dotted] = line
            lines.update(_key_lines(value, path, dotted + "."))
    return lines


@cache
def _yaml_loader() -> type:
    """Build a safe YAML loader that reads ``1e-3`` as a number, as YAML 1.2 does and PyYAML does not."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    number = re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789."))
    return Loader


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise ConfigError(f"A configuration holds values only, not {type(value).__name__}.")
