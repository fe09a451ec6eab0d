"""The bundled books are what their README says."""

from __future__ import annotations

import hashlib
import re

import pytest

from longwave.errors import UnknownName
from longwave.samples import list_samples, sample_path

ROWS = re.findall(
    r"^\| `(\w+\.txt)` .* \| ([\d,]+) \| ([\d,]+) \| `(\w+)` \|$",
    sample_path("books/README.md").read_text("utf-8"),
    flags=re.MULTILINE,
)


def test_the_readme_lists_every_text() -> None:
    assert [row[0] for row in ROWS] == ["train.txt", "validation.txt", "test.txt"]


@pytest.mark.parametrize(("name", "size", "words", "digest"), ROWS, ids=[row[0] for row in ROWS])
def test_sizes_and_hashes_are_those_of_the_readme(name: str, size: str, words: str, digest: str) -> None:
    data = sample_path(f"books/{name}").read_bytes()
    assert f"{len(data):,}" == size
    assert f"{len(data.decode('utf-8').split()):,}" == words
    assert hashlib.sha256(data).hexdigest() == digest


def test_samples_are_listed_without_code() -> None:
    names = list_samples()
    assert "books/train.txt" in names
    assert not [name for name in names if name.endswith((".py", ".pyc"))]


@pytest.mark.parametrize("name", ["books/trian.txt", "../errors.py"], ids=["typo", "outside"])
def test_an_unknown_sample_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="sample"):
        sample_path(name)
