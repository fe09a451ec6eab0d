"""Blind damage of any bytes, and damage of JSON, YAML, lines and tables along their grain."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import pickle
import random
from collections.abc import Callable, Iterator

Damage = Callable[[bytes, random.Random], bytes]

NAMES = (
    "../escaped.txt",
    "/tmp/escaped-by-a-name",
    "a/../../escaped.txt",
    "..\\escaped",
    "C:\\x",
    "a\0b",
    "",
    ".",
    "é" * 200,
)
TEXTS = (
    "",
    " ",
    "\0",
    "\ud800",
    "\ufeff",
    "\u2028",
    "../../x",
    "=cmd|' /C calc'!A0",
    "\x1b[31m",
    "1e999",
    "nan",
    "x" * 70_000,
    "{}",
    "[2]",
)
NUMBERS = (0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63), 2**64, 10**30, 0.5, -0.0, 1e308, math.inf, math.nan)
BOMB = 64 << 20  # bytes that a few thousand unpack to
COMMAND = "touch escaped-by-a-command"


class Payload:
    """What runs a command where it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, (COMMAND,)


# blind


def flip(data: bytes, rng: random.Random) -> bytes:
    """Flip some bits, often at the beginning or the end, where formats keep what matters."""
    if not data:
        return bytes(rng.randrange(256) for _ in range(rng.randint(1, 20)))
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        window = rng.choice((len(data), min(len(data), 64), min(len(data), 400)))
        place = rng.randrange(window)
        place = place if rng.random() < 0.5 else len(data) - 1 - place
        found[place] ^= 1 << rng.randrange(8)
    return bytes(found)


def truncate(data: bytes, rng: random.Random) -> bytes:
    return (
        data[: rng.randrange(len(data) + 1)] if rng.random() < 0.8 else data[rng.randrange(len(data) + 1) :]
    )


def splice(data: bytes, rng: random.Random) -> bytes:
    """Copy, move or cut out a piece."""
    start, stop = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    stop = min(stop, start + 4096)
    place = rng.randrange(len(data) + 1)
    rest = data if rng.random() < 0.5 else data[:start] + data[stop:]
    return rest[:place] + data[start:stop] + rest[place:]


def overwrite(data: bytes, rng: random.Random) -> bytes:
    """Put a number that is large or odd somewhere."""
    number = rng.choice((0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1))
    width = rng.choice((1, 2, 4, 8))
    value = (number % 256**width).to_bytes(width, rng.choice(("little", "big")))
    place = rng.randrange(max(1, min(len(data), rng.choice((16, 128, 10**9)))))
    place = place if rng.random() < 0.6 else max(0, len(data) - width - place)
    return data[:place] + value + data[place + width :]


def insert(data: bytes, rng: random.Random) -> bytes:
    piece = rng.choice(
        (
            b"\0",
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b"\xff",
            b"\xed\xa0\x80",
            b"\r",
            b"\n\n",
            b'"',
            b"," * 50,
            b"\0" * 5000,
        )
    )
    place = rng.choice((0, len(data), rng.randrange(len(data) + 1)))
    return data[:place] + piece + data[place:]


def replace(data: bytes, rng: random.Random) -> bytes:
    """Put something else in the place of the whole."""
    return rng.choice(
        (
            b"",
            b"\0",
            b"\n",
            b"null",
            b"[]",
            b"{}",
            b"3",
            b'""',
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"\xff\xfe[\0]\0",
            b"9" * 5000,
            gzip.compress(data),
            pickle.dumps(Payload()),
            b"PK\x05\x06" + b"\0" * 18,
            b"PAR1PAR1",
            bytes(rng.randrange(256) for _ in range(200)),
            data + data,
        )
    )


BLIND: tuple[Damage, ...] = (flip, truncate, splice, overwrite, insert, replace)

# JSON, lines of JSON, YAML


def odd_value(rng: random.Random) -> object:
    deep: object = []
    for _ in range(rng.choice((1, 30, 900))):
        deep = [deep] if rng.random() < 0.5 else {"a": deep}
    number = rng.choice(NUMBERS)
    return rng.choice(
        (
            None,
            True,
            False,
            number,
            number,
            str(number),
            rng.choice(TEXTS),
            rng.choice(TEXTS),
            [],
            {},
            deep,
            [number] * 3,
        )
    )


def places(tree: object) -> Iterator[tuple[object, object]]:
    """Yield every (container, key) below a value."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in items:
            yield node, key
            waiting.append(value)


def change_tree(tree: object, rng: random.Random) -> object:
    """Replace, drop, rename, wrap, double or swap a value somewhere in a tree."""
    found = list(places(tree))
    if not found or rng.random() < 0.03:
        return odd_value(rng)
    node, key = rng.choice(found)
    how = rng.choice(("replace", "replace", "replace", "drop", "rename", "wrap", "double", "swap", "add"))
    if how == "drop":
        del node[key]  # type: ignore[attr-defined]
    elif how == "rename" and isinstance(node, dict):
        node[rng.choice((*TEXTS, *NAMES, str(key) + "x"))] = node.pop(key)
    elif how == "wrap":
        node[key] = rng.choice(([node[key]], {"x": node[key]}, json.dumps(node[key])))  # type: ignore[index]
    elif how == "double" and isinstance(node, list):
        node.insert(rng.randrange(len(node) + 1), node[key])  # type: ignore[call-overload]
    elif how == "swap":
        other, where = rng.choice(found)
        node[key], other[where] = other[where], node[key]  # type: ignore[index]
    elif how == "add" and isinstance(node, dict):
        node[rng.choice(TEXTS[:12])] = odd_value(rng)
    else:
        node[key] = odd_value(rng)  # type: ignore[index]
    return tree


def write_tree(tree: object) -> bytes:
    try:
        text = json.dumps(tree, ensure_ascii=False)
    except (RecursionError, ValueError):  # swapped into itself
        text = "[" * 5000
    return text.encode("utf-8", "surrogatepass")


def json_tree(data: bytes, rng: random.Random) -> bytes:
    return write_tree(change_tree(json.loads(data), rng))


def json_line(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    filled = [place for place, line in enumerate(lines) if line.strip()]
    place = rng.choice(filled)
    lines[place] = write_tree(change_tree(json.loads(lines[place]), rng))
    if rng.random() < 0.2:
        lines.insert(rng.choice(filled), rng.choice((b"", b"3", b"[]", b"{}", lines[place], b"{" * 2000)))
    return b"\n".join(lines)


def yaml_trick(data: bytes, rng: random.Random) -> bytes:
    import yaml

    levels = rng.choice((3, 9, 25))
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, levels)
    )
    tree = yaml.safe_load(data)
    tricks = (
        bomb,
        f"{data.decode()}\n{bomb}",
        f"!!python/object/apply:os.system ['{COMMAND}']",
        f"steps: !!python/object/apply:os.system ['{COMMAND}']\n",
        "a: &a {b: *a}",
        "? [1, 2]\n: 3",
        "2024-01-01: 1\n1: 2\nnull: 3\n",
        "a: 2024-99-99",
        "a: 0x" + "f" * 5000,
        "a: 1_" + "0" * 5000,
        "a: !!binary x",
        "a: !!float x",
        "a: !!int x",
        "a: !!timestamp x",
        "a: !!set {x, y}",
        "a: 190:20:30.15",
        "<<: 3",
    )
    if rng.random() < 0.6:
        return yaml.dump(change_tree(tree, rng), allow_unicode=True).encode("utf-8", "surrogatepass")
    return rng.choice(tricks).encode()


# lines and tables as text


def table_cell(data: bytes, rng: random.Random) -> bytes:
    """Change a cell, a row or the row of names of a table, or a line of a text."""
    text = data.decode("utf-8", "surrogateescape")
    delimiter = "\t" if "\t" in text else ","
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    row = rng.choice(rows)
    how = rng.choice(("cell", "cell", "cell", "drop", "more", "row", "names", "quote", "empty"))
    if how == "cell" and row:
        row[rng.randrange(len(row))] = str(rng.choice((*NUMBERS, *TEXTS, "x" * 140_000)))
    elif how == "drop" and row:
        del row[rng.randrange(len(row))]
    elif how == "more":
        row.append("more")
    elif how == "row":
        rows.insert(rng.randrange(len(rows) + 1), rng.choice(([], [""], row, ["x"] * 300)))
    elif how == "names":
        rows[0] = rng.choice(
            (rows[0][:1] * len(rows[0]), rows[0][::-1], [""] * len(rows[0]), ["x", *rows[0]])
        )
    elif how == "empty":
        rows = rows[: rng.randrange(2)]
    out = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if how == "quote" else csv.QUOTE_MINIMAL
    csv.writer(
        out, delimiter=delimiter, lineterminator=rng.choice(("\n", "\r\n", "\r")), quoting=quoting
    ).writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


TEXTUAL: tuple[Damage, ...] = (json_line, table_cell, yaml_trick)
