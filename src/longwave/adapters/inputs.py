"""What is to be embedded: lines of text, rows of a table, or images in folders, with labels and splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from longwave._damage import POLARS_DAMAGE
from longwave.adapters.dataset import SPLITS
from longwave.adapters.embeddings import Floats
from longwave.config import replacing
from longwave.errors import DataError, MissingFile

__all__ = ["RawInputs", "read_inputs", "read_table", "write_embeddings"]

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_BESIDE = ("label", "split", "group")


@dataclass(frozen=True, kw_only=True)
class RawInputs:
    """Texts or images, and what is known of each.

    Parameters
    ----------
    items : tuple of str, or of Path
    label, split, group : tuple of str, or None
        None where the source does not tell.
    """

    items: tuple[str, ...] | tuple[Path, ...]
    label: tuple[str, ...] | None = None
    split: tuple[str, ...] | None = None
    group: tuple[str, ...] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in sorted order."""
        return tuple(sorted(set(self.label or ())))


def read_inputs(source: Path | str, *, columns: Mapping[str, str] | None = None) -> RawInputs:
    """Read what is to be embedded.

    Parameters
    ----------
    source : Path or str
        ``.txt``: a text a line, empty ones left out; ``.csv``, ``.tsv`` or ``.parquet``: a row each, with the
        column ``text`` (or ``image``: paths from the file on) and perhaps ``label``, ``split``, ``group``;
        a folder: images in ``SPLIT/LABEL/`` or ``LABEL/``, in sorted order.
    columns : mapping from str to str, optional
        Other names of the columns: ``{"text": "sentence"}``.

    Raises
    ------
    MissingFile
        If there is no such file or folder.
    DataError
        If it cannot be read, holds nothing, or lacks a column.
    """
    source = Path(source)
    if source.is_dir():
        return _read_folder(source)
    if not source.is_file():
        raise MissingFile(
            f"There is no file or folder {source}. Name a txt, csv or parquet file, or a folder."
        )
    if source.suffix == ".txt":
        try:
            lines = [line.strip() for line in source.read_text("utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{source} cannot be read as UTF-8 text ({error}). Save it as UTF-8.") from error
        return _checked(RawInputs(items=tuple(line for line in lines if line)), source)
    return _read_rows(source, dict(columns or {}))


def write_embeddings(
    path: Path | str, embeddings: Floats, inputs: RawInputs, *, class_embeddings: Floats | None = None
) -> None:
    """Write an npz file that `read_groups` reads where there are labels; without splits all are "test".

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    arrays: dict[str, np.ndarray] = {"embeddings": embeddings}
    if inputs.label is not None:
        split = inputs.split or ("test",) * len(inputs.items)
        arrays |= {"labels": np.array(inputs.label), "splits": np.array(split)}
        arrays["class_names"] = np.array(inputs.classes)
    if inputs.group is not None:
        arrays |= {"groups": np.array(inputs.group), "group_names": np.array(sorted(set(inputs.group)))}
    if class_embeddings is not None:
        arrays["class_embeddings"] = class_embeddings
    with replacing(Path(path)) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_table(path: Path) -> pl.DataFrame:
    """Read a ``.parquet``, ``.tsv`` or ``.csv`` file.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path, glob=False, hive_partitioning=False)  # names are the user's
        separator = "\t" if path.suffix == ".tsv" else ","
        return pl.read_csv(path, separator=separator, infer_schema_length=None, glob=False)
    except (*POLARS_DAMAGE, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a table ({error}). Write it as csv or parquet.") from error


def _read_folder(folder: Path) -> RawInputs:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _IMAGES and path.is_file())
    parts = [path.relative_to(folder).parts[:-1] for path in paths]
    depths = {len(part) for part in parts}
    if not paths or len(depths) != 1 or not depths <= {0, 1, 2}:
        raise DataError(
            f"{folder} has {len(paths)} images in folders of depth {sorted(depths)}; accepted are images in "
            "LABEL/ or SPLIT/LABEL/, all alike. Move them."
        )
    depth = depths.pop()
    has_splits = depth == 2
    label = tuple(part[-1] for part in parts) if depth else None
    split = tuple(part[0].lower() for part in parts) if has_splits else None
    return _checked(RawInputs(items=tuple(paths), label=label, split=split), folder)


def _read_rows(path: Path, names: Mapping[str, str]) -> RawInputs:
    table = read_table(path)
    text, image = names.get("text", "text"), names.get("image", "image")
    wrong = [name for key, name in names.items() if name not in table.columns]
    if wrong or not {text, image} & set(table.columns):
        raise DataError(
            f'{path} has no column "{(wrong or [text])[0]}"; it has {", ".join(table.columns)}. Name the '
            'column of the texts, for example "text=sentence".'
        )
    items: tuple[str, ...] | tuple[Path, ...]
    if text in table.columns:
        if table[text].dtype.is_nested():
            raise DataError(f'The column "{text}" of {path} holds {table[text].dtype}; accepted are texts.')
        items = tuple("" if one is None else str(one) for one in table[text])
    else:
        items = tuple(path.parent / str(one) for one in table[image])
    beside: dict[str, tuple[str, ...]] = {}
    for key in _BESIDE:
        name = names.get(key, key)
        if name in table.columns:
            if table[name].null_count():
                raise DataError(f'The column "{name}" of {path} lacks a value. Fill it or drop the row.')
            beside[key] = tuple(str(one) for one in table[name])
    return _checked(RawInputs(items=items, **beside), path)


def _checked(inputs: RawInputs, source: Path) -> RawInputs:
    if not inputs.items:
        raise DataError(f"{source} holds nothing to embed. Name another file or folder.")
    unknown = sorted(set(inputs.split or ()) - set(SPLITS))
    if unknown:
        raise DataError(
            f'{source} has the split "{unknown[0]}"; accepted are {", ".join(SPLITS)}. Rename it.'
        )
    return inputs
