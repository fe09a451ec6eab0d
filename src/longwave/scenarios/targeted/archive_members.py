"""Find files in archives whose folders are not known for sure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from longwave.errors import DataError

__all__ = ["find_member"]


def find_member(path: Path, members: Sequence[str], name: str) -> str:
    """Return the member of an archive that has a name, in whatever folder.

    Parameters
    ----------
    path : Path
        Of the archive, for errors.
    members : sequence of str
        What it holds.
    name : str
        Name of the file without folders. Folders that archive programs add for themselves do not count.

    Raises
    ------
    DataError
        If there is none.

    Examples
    --------
    >>> find_member(Path("a.zip"), ["__MACOSX/data/._b.csv", "data/b.csv"], "b.csv")
    'data/b.csv'
    """
    for member in members:
        place = PurePosixPath(member)
        if place.name == name and "__MACOSX" not in place.parts:
            return member
    raise DataError(f'"{path}" holds no file "{name}". Delete it to fetch it again.')
