"""Readers that do what no reader may: the fuzzer must tell of each."""

from __future__ import annotations

import os
import pickle
import socket
import time
from collections.abc import Callable
from pathlib import Path

from damage_text import Payload
from registry import Reader

from longwave.errors import DataError

VALID = b"valid"


def trap(name: str, spring: Callable[[Path], object]) -> Reader:
    """Return a reader that springs on any file that is damaged."""

    def read(path: Path) -> object:
        is_valid = path.is_file() and path.read_bytes() == VALID
        return None if is_valid else spring(path)

    return Reader(name=name, target="a", make=lambda folder: (folder / "a").write_bytes(VALID), read=read)


def fail_without_a_name(path: Path) -> object:
    raise DataError("It is damaged. Get it again.")


def fail_well(path: Path) -> object:
    raise DataError(f'"{path}" is damaged. Get it again.')


def connect(path: Path) -> object:
    with socket.socket() as place:
        return place.connect(("127.0.0.1", 9))


READERS = (
    trap("good", fail_well),
    trap("crash", lambda _: {}["key"]),
    trap("unnamed", fail_without_a_name),
    trap("slow", lambda _: time.sleep(60)),
    trap("greedy", lambda _: bytearray(1 << 33)),
    trap("ends", lambda _: os._exit(3)),
    trap("program", lambda _: os.system("true")),
    trap("pickle", lambda _: pickle.loads(pickle.dumps(Payload()))),
    trap("connection", connect),
    trap("outside", lambda _: Path("/tmp/longwave-fuzz-outside").write_text("x")),
)
