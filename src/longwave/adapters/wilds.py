"""Your own embeddings of public benchmarks: one file of embeddings, one of metadata, row by row.

Waterbirds, CelebA and the sets of WILDS publish metadata; embeddings of their inputs you make yourself, in
the order of the metadata. Where each keeps labels, splits and attributes is in ``layouts.toml``.

Shapes: n points, d width of the embeddings, C classes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from longwave._array_files import load_arrays
from longwave.adapters.dataset import EmbeddingDataset
from longwave.adapters.embeddings import Floats, check_embeddings, unit_rows
from longwave.adapters.inputs import read_table
from longwave.config import naming
from longwave.errors import DataError, MissingFile, ShapeError, UnknownName

__all__ = ["GroupLayout", "LayoutData", "get_layout", "list_layouts", "read_layout"]

_COLUMNS = ("embedding", "embeddings", "E", "x")
_MENTIONED = 0.5
_NO_MENTION = "none of them"


@dataclass(frozen=True, kw_only=True)
class GroupLayout:
    """Where metadata keep what a data set of embeddings needs.

    Parameters
    ----------
    name, description : str
    label : str
        Column of the label.
    positive_from : float, optional
        Numbers from there on are class 1, others class 0.
    label_values : mapping from str to int, optional
        Class of each value; rows with another one are dropped.
    class_names : tuple of str
        Empty: the values of the label in sorted order.
    split : str
        Column of the split.
    splits : mapping from str to str
        Split of each value; rows with another one are dropped. Empty: the values are train, val and test.
    dropped_splits : tuple of str
        Where there are any, rows with these values are dropped, and values that are in neither are refused.
    date : str
        Column whose first four letters are a year.
    years : mapping from str to (int, int)
        First and last year of each split; rows of others are dropped.
    attributes : tuple of str
        Columns whose values, together with the class, make the groups.
    attribute_names : mapping from str to (mapping from str to str)
        What the values of an attribute mean.
    without_class : bool
        Whether the attributes make the groups alone.
    needs_attributes : bool
        Whether a table without them is refused; else its points have no groups.
    mentions : tuple of str
        Columns of overlapping groups; a point is in those with 0.5 or more.
    templates : tuple of str
        Prompts of the classes, ``{}`` standing for the name.
    """

    name: str
    description: str
    label: str
    split: str
    positive_from: float | None = None
    label_values: Mapping[str, int] = field(default_factory=dict)
    class_names: tuple[str, ...] = ()
    splits: Mapping[str, str] = field(default_factory=dict)
    dropped_splits: tuple[str, ...] = ()
    date: str = ""
    years: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    attribute_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    without_class: bool = False
    needs_attributes: bool = True
    mentions: tuple[str, ...] = ()
    templates: tuple[str, ...] = ("{}",)


@dataclass(frozen=True, kw_only=True)
class LayoutData:
    """A data set and further groupings of its points.

    Parameters
    ----------
    data : EmbeddingDataset
    views : mapping from str to ndarray of str, shape (n,)
        Overlapping groups, one grouping for each column of mentions: the name of a point's group, "" where it
        is in none. In ``data`` a point is in the group of the first identity it mentions.
    """

    data: EmbeddingDataset
    views: Mapping[str, NDArray[np.str_]]


def list_layouts() -> list[GroupLayout]:
    """List the layouts by name."""
    return [layout for _, layout in sorted(_layouts().items())]


def get_layout(name: str) -> GroupLayout:
    """Return a layout by name.

    Raises
    ------
    UnknownName
        If there is none; the message lists the nearest ones.
    """
    if name not in _layouts():
        raise UnknownName("layout of metadata", name, _layouts())
    return _layouts()[name]


def read_layout(
    embeddings: Path | str,
    metadata: Path | str | Sequence[Path | str] = (),
    *,
    layout: str | GroupLayout = "table",
    class_embeddings: ArrayLike | None = None,
) -> LayoutData:
    """Read embeddings and the metadata of their rows.

    Parameters
    ----------
    embeddings : Path or str
        ``.npy`` of shape (n, d); ``.npz`` with it as ``embeddings`` or ``E``; or ``.parquet`` with a column
        ``embedding`` of lists.
    metadata : Path, str or several
        ``.csv``, ``.tsv`` or ``.parquet`` with the n rows in the same order; several are put side by side,
        as CelebA keeps attributes and splits apart. None: the columns of the Parquet file of embeddings.
    layout : str or GroupLayout
        One of `list_layouts`, or your own.
    class_embeddings : array_like, shape (C, d), optional
        Default: what an npz file has as ``class_embeddings`` or ``Q``, if anything.

    Raises
    ------
    MissingFile
        If a file is not there.
    DataError
        If one cannot be read, lacks a column, or no row is left.
    ShapeError
        If the numbers of rows differ.
    UnknownName
        If there is no such layout.
    """
    layout = get_layout(layout) if isinstance(layout, str) else layout
    paths = [metadata] if isinstance(metadata, Path | str) else list(metadata)
    with naming(embeddings):
        x, q, table = _read_embeddings(Path(embeddings))
    for path in paths:
        beside = _read_table(Path(path))
        if table is not None and len(beside) != len(table):
            raise ShapeError(f"{path} has {len(beside)} rows, but the file before {len(table)}. Align them.")
        table = beside if table is None else table.with_columns(beside)
    if table is None:
        raise DataError(
            f"{embeddings} has embeddings alone; labels and splits are missing. Name a file of metadata."
        )
    if len(table) != len(x):
        raise ShapeError(
            f"There are {len(x)} embeddings in {embeddings} but {len(table)} rows of metadata; accepted is "
            "one row each, in one order."
        )
    with naming(paths[0] if paths else embeddings):
        return _assemble(x, q if class_embeddings is None else np.asarray(class_embeddings), table, layout)


def _assemble(
    x: Floats, q: NDArray[np.generic] | None, table: pl.DataFrame, layout: GroupLayout
) -> LayoutData:
    labels = _labels(_column(table, layout.label), layout)
    splits = _splits(table, layout)
    is_kept = np.array([label is not None for label in labels]) & (splits != "")
    if not is_kept.any():
        raise DataError(
            f'No row has a label and a split that the layout "{layout.name}" knows. Look at the columns '
            f'"{layout.label}" and "{layout.split}", or choose another layout.'
        )
    found = [label for label, kept in zip(labels, is_kept, strict=True) if kept]
    names = layout.class_names or tuple(sorted({str(one) for one in found}))
    if not layout.class_names:
        place = {name: number for number, name in enumerate(names)}
        found = [place[str(one)] for one in found]
    y = np.array(found, dtype=np.int64)
    table = table.filter(pl.Series(is_kept))
    classes = np.array(names)[y]
    groups, group_names = _groups(table, classes, layout)
    views = {
        name: np.where(_is_mentioned(table, name), np.char.add(f"{name}, ", classes), "")
        for name in layout.mentions
    }
    data = EmbeddingDataset(
        embeddings=np.ascontiguousarray(x[is_kept]),
        labels=y,
        groups=groups,
        splits=splits[is_kept],
        class_names=names,
        class_embeddings=None if q is None else unit_rows(check_embeddings(q, name="class_embeddings")),
        group_names=group_names,
    )
    return LayoutData(data=data, views=views)


def _labels(column: pl.Series, layout: GroupLayout) -> list[int | str | None]:
    if layout.positive_from is not None:
        numbers = column.cast(pl.Float64, strict=False)
        return [None if one is None else int(one >= layout.positive_from) for one in numbers]
    if layout.label_values:
        return [layout.label_values.get(_text(one)) for one in column]
    if layout.class_names:
        known = {str(number): number for number in range(len(layout.class_names))}
        known |= {name: number for number, name in enumerate(layout.class_names)}
        return [known.get(_text(one)) for one in column]
    return [None if one is None else _text(one) for one in column]


def _splits(table: pl.DataFrame, layout: GroupLayout) -> NDArray[np.str_]:
    """Return the split of each row, "" for those that are dropped."""
    own = layout.splits or {name: name for name in ("train", "val", "test")}
    told = [_text(one) for one in _column(table, layout.split)]
    unknown = sorted(set(told) - set(own) - set(layout.dropped_splits))
    if layout.dropped_splits and unknown:
        raise DataError(
            f'The column "{layout.split}" holds {unknown[0]}; the layout "{layout.name}" takes '
            f"{', '.join(own)} and drops {', '.join(layout.dropped_splits)}. Choose the layout or the file "
            "of splits that fits."
        )
    found = [own.get(one, "") for one in told]
    if layout.years:
        years = _column(table, layout.date).cast(pl.String).str.slice(0, 4).cast(pl.Int32, strict=False)
        found = [
            split if split and year is not None and _is_within(year, layout.years[split]) else ""
            for split, year in zip(found, years, strict=True)
        ]
    return np.array(found, dtype=np.str_)


def _groups(
    table: pl.DataFrame, classes: NDArray[np.str_], layout: GroupLayout
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return the group of each row and the groups' names."""
    if layout.mentions:
        first = np.full(len(table), _NO_MENTION, dtype=object)
        for name in reversed(layout.mentions):
            first[_is_mentioned(table, name)] = name
        parts = [first.tolist()]
    elif not layout.needs_attributes and not set(layout.attributes) <= set(table.columns):
        return None, ()
    else:
        parts = []
        for name in layout.attributes:
            meaning = layout.attribute_names.get(name, {})
            parts.append([meaning.get(text := _text(one), text) for one in _column(table, name)])
    if not layout.without_class:
        parts = [classes.tolist(), *parts] if not layout.mentions else [*parts, classes.tolist()]
    joined = [", ".join(row) for row in zip(*parts, strict=True)]
    names, codes = np.unique(np.array(joined), return_inverse=True)
    return codes.astype(np.int64), tuple(names.tolist())


def _is_mentioned(table: pl.DataFrame, name: str) -> NDArray[np.bool_]:
    values = _column(table, name).cast(pl.Float64, strict=False).fill_null(0.0)
    return np.asarray(values.to_numpy() >= _MENTIONED)


def _is_within(year: int, ends: tuple[int, int]) -> bool:
    return ends[0] <= year <= ends[1]


def _text(value: object) -> str:
    """Write a value of a table as layouts do: 1.0 is 1."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _column(table: pl.DataFrame, name: str) -> pl.Series:
    if name not in table.columns:
        raise DataError(
            f'The metadata have no column "{name}"; they have {", ".join(table.columns)}. Choose the layout '
            "that fits, or add the column."
        )
    return table[name]


def _read_embeddings(path: Path) -> tuple[Floats, NDArray[np.generic] | None, pl.DataFrame | None]:
    """Return embeddings, class embeddings if there are any, and what else a table has."""
    if not path.is_file():
        raise MissingFile(f"There is no file {path}. Name one of embeddings: npz, npy or parquet.")
    if path.suffix == ".parquet":
        table = _read_table(path)
        name = next((name for name in _COLUMNS if name in table.columns), None)
        if name is None:
            raise DataError(
                f"{path} has no column {' or '.join(_COLUMNS)}; it has {', '.join(table.columns)}."
            )
        lengths = table[name].list.len() if isinstance(table[name].dtype, pl.List) else None
        if lengths is not None and lengths.n_unique() != 1:
            raise ShapeError(f'Lists in the column "{name}" of {path} differ in length; accepted is one.')
        return check_embeddings(np.array(table[name].to_list())), None, table.drop(name)
    arrays = load_arrays(path)
    if isinstance(arrays, np.ndarray):
        return check_embeddings(arrays), None, None
    name = next((name for name in _COLUMNS if name in arrays), None)
    if name is None:
        raise DataError(f"{path} has no array {' or '.join(_COLUMNS)}; it has {', '.join(arrays) or 'none'}.")
    q = next((arrays[name] for name in ("class_embeddings", "Q") if name in arrays), None)
    return check_embeddings(arrays[name]), q, None


def _read_table(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise MissingFile(f"There is no file {path}. Name a csv, tsv or parquet file of metadata.")
    return read_table(path)


@cache
def _layouts() -> dict[str, GroupLayout]:
    told = tomllib.loads(files("longwave.adapters").joinpath("layouts.toml").read_text("utf-8"))
    return {name: _layout(name, entry) for name, entry in told.items()}


def _layout(name: str, entry: Mapping[str, object]) -> GroupLayout:
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return GroupLayout(name=name, **values)  # type: ignore[arg-type]  # a test builds every layout
