"""Every reader of files that may come from elsewhere: how to make a valid file, and how to read it.

A new reader is one entry in one of the families below.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

FAMILIES = ("settings", "results", "scenarios", "arrays", "models")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One way into the package.

    Parameters
    ----------
    name : str
    target : str
        What is read, below the folder of a case: the name of a file, or "" for the folder.
    make : callable
        Writes valid files into a folder.
    read : callable
        Reads the target to the end.
    spared : tuple of str
        Names of files that are ours and stay whole.
    names_file : bool
        Whether messages must name the file; not so where a text is read that has no name.
    """

    name: str
    target: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    spared: tuple[str, ...] = ()
    names_file: bool = True


def find_readers(names: Sequence[str] = (), families: Sequence[str] = ()) -> list[Reader]:
    """Return readers by name, in that order, or those of families, or all.

    Only the families that are asked for are imported: some take seconds.
    """
    chosen = families or (
        sorted({name.partition(":")[0] for name in names}, key=[*FAMILIES, "traps"].index)
        if names
        else FAMILIES
    )
    readers = {
        f"{family}:{reader.name}": reader
        for family in chosen
        for reader in importlib.import_module(f"readers_{family}").READERS
    }
    if len(set(readers)) != sum(
        len(importlib.import_module(f"readers_{family}").READERS) for family in chosen
    ):
        raise ValueError("two readers have one name")
    named = [Reader(**{**vars(reader), "name": name}) for name, reader in readers.items()]
    return [next(each for each in named if each.name == name) for name in names] if names else named
