"""The word lists that ship with the package."""

from __future__ import annotations

from longwave.perturbations._words import read_lines, read_pairs


def test_comments_and_empty_lines_are_no_entries():
    assert all(line.strip() and not line.startswith("#") for line in read_lines("fillers.txt"))


def test_pairs_are_divided():
    assert ("it is", "it's") in read_pairs("contractions.tsv")


def test_about_eighty_contractions_ship():
    assert 70 <= len(read_pairs("contractions.tsv")) <= 90
