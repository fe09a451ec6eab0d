"""Damage of files, along the grain of their kind or blindly.

Every damage takes the bytes of a file and a generator and returns others; ``damage`` picks one that suits
the file. What only a stranger would write is among them: programs in pickles and YAML tags, names that climb
out of a folder, links, bombs.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial

from damage_arrays import (
    npy_header,
    npy_values,
    parquet_columns,
    safetensors_header,
    safetensors_values,
    torch_pickle,
)
from damage_packed import gzip_inside, tar_members, zip_header, zip_members
from damage_text import BLIND, TEXTUAL, Damage, flip, json_tree


def damage(data: bytes, rng: random.Random) -> bytes:
    """Return other bytes; sometimes several damages one after the other."""
    for _ in range(1 if rng.random() < 0.8 else rng.randint(2, 4)):
        kinds = BLIND if rng.random() < 0.35 else (*fitting(data), *BLIND[:2])
        try:
            data = rng.choice(kinds)(data, rng)
        except BaseException as error:  # of polars, a panic of Rust
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            data = flip(data, rng)  # too damaged already for its own kind
    return data


def fitting(data: bytes) -> tuple[Damage, ...]:
    """Return the damages that know the kind of a file."""
    for begins, damages in KINDS.values():
        if begins(data):
            return damages
    return TEXTUAL


def _is_json(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict | list)
    except (ValueError, RecursionError):
        return False


def _is_safetensors(data: bytes) -> bool:
    return len(data) > 10 and data[8:9] == b"{" and data[3:8] == bytes(5)


def _is_torch(data: bytes) -> bool:
    return data.startswith(b"PK") and b"data.pkl" in data


KINDS: dict[str, tuple[Callable[[bytes], bool], tuple[Damage, ...]]] = {
    "torch": (_is_torch, (torch_pickle, partial(zip_members, damage), zip_header)),
    "npz or zip": (
        lambda data: data.startswith(b"PK\x03\x04"),
        (
            partial(zip_members, damage),
            partial(zip_members, damage),
            partial(zip_members, damage),
            zip_header,
        ),
    ),
    "gzip": (
        lambda data: data.startswith(b"\x1f\x8b"),
        (partial(gzip_inside, damage), partial(gzip_inside, damage)),
    ),
    "tar": (
        lambda data: data[257:262] == b"ustar",
        (partial(tar_members, damage), partial(tar_members, damage)),
    ),
    "npy": (lambda data: data.startswith(b"\x93NUMPY"), (npy_header, npy_values, npy_values)),
    "parquet": (
        lambda data: data.startswith(b"PAR1") and data.endswith(b"PAR1"),
        (parquet_columns, parquet_columns, flip),
    ),
    "safetensors": (_is_safetensors, (safetensors_header, safetensors_values)),
    "json": (_is_json, (json_tree, json_tree, json_tree)),
}
