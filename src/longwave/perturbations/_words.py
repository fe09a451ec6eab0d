"""Word lists: those that ship as text files beside this module, and those that users bring."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path

from longwave.errors import ConfigError, DataError, MissingFile

__all__ = ["WordList", "check_words", "read_forms", "read_lines", "read_pairs", "read_word_list"]

WordList = tuple[tuple[str, tuple[str, ...]], ...]


@cache
def read_lines(name: str) -> tuple[str, ...]:
    """Read a list of this package, one entry a line; lines that start with ``#`` are comments."""
    text = files("longwave.perturbations").joinpath("words", name).read_text("utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def read_pairs(name: str) -> tuple[tuple[str, str], ...]:
    """Read a list of pairs, divided by a tab."""
    return tuple((left, right) for left, _, right in (line.partition("\t") for line in read_lines(name)))


@cache
def read_forms(name: str) -> WordList:
    """Read a list of words with their forms, as `read_word_list` does."""
    return tuple(_entries(enumerate(read_lines(name), start=1), name))


def read_word_list(path: str | Path) -> WordList:
    """Read a list of one's own, for the ``words`` of a perturbation.

    Parameters
    ----------
    path : str or Path
        A text file in UTF-8, one entry a line: a word or phrase, a tab, then its forms divided by blanks. An
        underscore inside a form stands for a blank. Empty lines and those that start with ``#`` are skipped.

    Returns
    -------
    tuple of (str, tuple of str)
        Each word with its forms, in the order of the file.

    Raises
    ------
    MissingFile
        If there is no such file.
    DataError
        If it is no UTF-8, empty, or a line has no tab or no form, or a word stands twice.
    """
    source = Path(path)
    if not source.is_file():
        raise MissingFile(f'There is no word list "{source}". Give the path of an existing file.')
    try:
        text = source.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f'The word list "{source}" is no UTF-8; convert it and try again.') from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    found = tuple(_entries(((n, line) for n, line in lines if not line.startswith("#")), str(source)))
    if not found:
        raise DataError(f'The word list "{source}" has no entries; accepted are lines "word<TAB>form form".')
    return found


def check_words(words: WordList) -> None:
    """Refuse a list that `read_word_list` could not have given."""
    seen: set[str] = set()
    for word, forms in words:
        if not word.strip() or not forms or not all(form.strip() for form in forms):
            raise ConfigError(
                f'words has the entry ("{word}", {forms!r}); accepted are a word and at least one form, none '
                f"of them empty. Read a file with read_word_list."
            )
        if word.lower() in seen:
            raise ConfigError(f'words has "{word}" twice, case aside; keep one of the two.')
        seen.add(word.lower())


def _entries(lines: Iterable[tuple[int, str]], name: str) -> list[tuple[str, tuple[str, ...]]]:
    found: dict[str, tuple[str, ...]] = {}
    for number, line in lines:
        word, tab, rest = line.partition("\t")
        forms = tuple(form.replace("_", " ") for form in rest.split())
        if not (tab and word.strip() and forms):
            raise DataError(
                f'Entry {number} of the word list "{name}" is "{line}"; accepted are a word, a tab, then its '
                f"forms divided by blanks."
            )
        if word.strip() in found:
            raise DataError(f'The word list "{name}" has "{word.strip()}" twice; keep one of the two.')
        found[word.strip()] = forms
    return list(found.items())
