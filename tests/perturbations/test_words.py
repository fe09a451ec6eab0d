"""The word lists that ship with the package."""

from __future__ import annotations

from importlib.resources import files

import pytest

from longwave.errors import DataError, MissingFile
from longwave.perturbations import Misspellings, read_word_list
from longwave.perturbations._words import read_forms, read_lines, read_pairs

LISTS = sorted(path.name for path in files("longwave.perturbations").joinpath("words").iterdir())


def test_comments_and_empty_lines_are_no_entries():
    assert all(line.strip() and not line.startswith("#") for line in read_lines("fillers.txt"))


def test_pairs_are_divided():
    assert ("it is", "it's") in read_pairs("contractions.tsv")


def test_about_eighty_contractions_ship():
    assert 70 <= len(read_pairs("contractions.tsv")) <= 90


@pytest.mark.parametrize("name", LISTS)
def test_list_begins_by_saying_what_it_is(name):
    text = files("longwave.perturbations").joinpath("words", name).read_text("utf-8")
    assert text.startswith("# ")
    assert text.endswith("\n")
    assert len(read_lines(name)) > 10


@pytest.mark.parametrize(
    "name", [name for name in LISTS if name.endswith(".tsv") and name != "contractions.tsv"]
)
def test_list_of_forms_is_read(name):
    assert all(word == word.strip() and forms for word, forms in read_forms(name))


def test_misspellings_are_sorted_small_and_wrong():
    entries = dict(read_forms("misspellings.tsv"))
    wrong = [form for forms in entries.values() for form in forms]
    assert len(entries) > 800
    assert list(entries) == sorted(entries)
    assert not set(wrong) & set(entries)
    assert len(set(wrong)) == len(wrong)
    assert all(text == text.lower() for text in [*entries, *wrong])


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "words.tsv"
    path.write_bytes(text.encode(encoding))
    return path


def test_list_of_ones_own_is_read(tmp_path):
    path = write(tmp_path, "# mine\n\nriver\trivver reever\nbig sea\tbig_see\r\n")
    found = read_word_list(path)
    assert found == (("river", ("rivver", "reever")), ("big sea", ("big see",)))
    assert read_word_list(str(path)) == found
    assert Misspellings(words=found).words == found


def test_mark_of_byte_order_is_no_part_of_a_word(tmp_path):
    assert read_word_list(write(tmp_path, "a\tb\n", "utf-8-sig")) == (("a", ("b",)),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tb\na b\n", 'Entry 2 of the word list ".*words.tsv" is "a b"; accepted are a word, a tab'),
        ("a\t \n", 'Entry 1 .* is "a\t "'),
        ("\tb\n", "Entry 1"),
        ("a\tb\na\tc\n", 'has "a" twice'),
        ("", "has no entries; accepted are lines"),
        ("# only words of mine\n\n", "has no entries"),
    ],
    ids=["no-tab", "no-form", "no-word", "twice", "empty", "comment"],
)
def test_broken_list_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_word_list(write(tmp_path, text))


def test_list_in_another_encoding_is_refused(tmp_path):
    with pytest.raises(DataError, match="is no UTF-8"):
        read_word_list(write(tmp_path, "caf\xe9\tx\n", "latin-1"))


def test_missing_list_is_told(tmp_path):
    with pytest.raises(MissingFile, match=r"There is no word list .*absent\.tsv"):
        read_word_list(tmp_path / "absent.tsv")
