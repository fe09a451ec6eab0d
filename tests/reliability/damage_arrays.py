"""Damage of arrays, tensors and columns: heads that lie, and files of other types, shapes and values."""

from __future__ import annotations

import io
import json
import random
import struct

from damage_text import NUMBERS, TEXTS, Payload, change_tree, write_tree

# arrays, tensors, columns


def npy_header(data: bytes, rng: random.Random) -> bytes:
    """Give an array another shape or type than its bytes have."""
    length = struct.unpack("<H", data[8:10])[0]
    shape = rng.choice(
        (
            "(2,)",
            "(-1,)",
            "(99999999999,)",
            "(1152921504606846976, 16)",
            "()",
            "(3, 3)",
            "(True,)",
            "(0,)",
            "('a',)",
            "(" + "1," * 70 + ")",
        )
    )
    descr = rng.choice(
        (
            "'<f4'",
            "'<i8'",
            "'|O'",
            "'<U9999999'",
            "'|V0'",
            "'<M8[s]'",
            "'<c16'",
            "[('a', '<f4')]",
            "'|S0'",
            "'x'",
            "3",
            "'<f2'",
        )
    )
    header = (
        f"{{'descr': {descr}, 'fortran_order': {rng.choice(('True', 'False', '3'))}, 'shape': {shape}, }}"
    )
    if rng.random() < 0.1:
        header = rng.choice(("{" * 3000, "__import__('os').system('x')", "{'descr': " + "-" * 5000, ""))
    return data[:8] + struct.pack("<H", len(header)) + header.encode() + data[10 + length :]


def npy_values(data: bytes, rng: random.Random) -> bytes:
    """Write an array of other values: another type or shape, not finite, empty, objects with a program."""
    import numpy as np

    array = np.load(io.BytesIO(data), allow_pickle=False)
    with np.errstate(all="ignore"):
        found = rng.choice(
            (
                lambda: array.astype(rng.choice(("f2", "f8", "i4", "U3", "c8", "?", "u1"))),
                lambda: array.ravel(),
                lambda: array[..., None],
                lambda: array[:0],
                lambda: array[:1],
                lambda: np.array(rng.choice((0, -1, 1e39, "x", "", np.nan, 2**62))),
                lambda: np.full(array.shape, rng.choice((np.nan, np.inf, -1, 300, 2**62))),
                lambda: np.full(array.shape, rng.choice(TEXTS[:11])),
                lambda: array.T,
                lambda: np.broadcast_to(array, (2, *array.shape)),
            )
        )()
    out = io.BytesIO()
    if rng.random() < 0.1:
        np.save(out, np.array([Payload()], dtype=object), allow_pickle=True)
    else:
        np.save(out, found)
    return out.getvalue()


def safetensors_header(data: bytes, rng: random.Random) -> bytes:
    length = struct.unpack("<Q", data[:8])[0]
    tree = json.loads(data[8 : 8 + length])
    header = write_tree(change_tree(tree, rng))
    said = len(header) if rng.random() < 0.8 else rng.choice((0, 2**30, 2**63, len(header) - 1, 10**9))
    return struct.pack("<Q", said) + header + data[8 + length :]


def safetensors_values(data: bytes, rng: random.Random) -> bytes:
    """Write whole files with other tensors: other shapes, types and names, values that are not finite."""
    import numpy as np
    from safetensors.numpy import load, save

    length = struct.unpack("<Q", data[:8])[0]
    about = json.loads(data[8 : 8 + length]).get("__metadata__")
    arrays = load(data)
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    how = rng.randrange(8)
    if how == 0:
        del arrays[name]
    elif how == 1:
        arrays[rng.choice(("", "x", "../x", "é", name + "." + name))] = arrays.pop(name)
    else:
        with np.errstate(all="ignore"):
            arrays[name] = (
                np.full_like(array, np.nan if array.dtype.kind == "f" else 0),
                array.ravel(),
                array[None],
                array.ravel()[:0],
                array.astype(rng.choice(("f2", "f8", "i4", "?", "u1"))),
                np.zeros((), "f4"),
            )[how - 2]
    return save({key: np.ascontiguousarray(value) for key, value in arrays.items()}, about)


def parquet_columns(data: bytes, rng: random.Random) -> bytes:
    """Write whole files with other columns: types, names, nulls, values."""
    import polars as pl

    frame = pl.read_parquet(io.BytesIO(data), glob=False)
    metadata = {
        key: value
        for key, value in pl.read_parquet_metadata(io.BytesIO(data)).items()
        if key != "ARROW:schema"
    }
    name = rng.choice(frame.columns)
    column = frame[name]
    other = rng.choice(
        (
            pl.String,
            pl.Int8,
            pl.Int64,
            pl.UInt64,
            pl.Float32,
            pl.Boolean,
            pl.Date,
            pl.Categorical,
            pl.Binary,
            pl.Null,
        )
    )
    values = rng.choice(
        (
            lambda: [None] * len(frame),
            lambda: [rng.choice(TEXTS[:3] + TEXTS[4:])] * len(frame),
            lambda: [rng.choice(NUMBERS[9:])] * len(frame),
            lambda: [[1]] * len(frame),
            lambda: [{"a": 1}] * len(frame),
        )
    )
    how = rng.randrange(10)
    if how == 0:
        frame = frame.drop(name)
    elif how == 1:
        frame = frame.rename(
            {name: rng.choice([text for text in ("", "x", "../x", "é") if text not in frame.columns])}
        )
    elif how in (2, 3):
        frame = frame.with_columns(column.cast(other, strict=False))
    elif how in (4, 5, 6):
        frame = frame.with_columns(pl.Series(name, values(), strict=False))
    elif how == 7:
        frame = pl.concat([frame, frame])
    elif how == 8:
        frame = frame.clear()
    else:
        metadata = {key: rng.choice(("", "x", "-1", "999", "9" * 5000)) for key in metadata} or {
            "longwave_schema": "x"
        }
    out = io.BytesIO()
    frame.write_parquet(out, metadata=metadata)
    return out.getvalue()


def torch_pickle(data: bytes, rng: random.Random) -> bytes:
    import torch

    out = io.BytesIO()
    torch.save(
        rng.choice(
            (
                Payload(),
                {"a": Payload()},
                [1, 2],
                {"state_dict": {"model.x": 3}},
                {1: torch.zeros(2)},
                {"x": torch.zeros(2)},
                None,
            )
        ),
        out,
    )
    return out.getvalue()
