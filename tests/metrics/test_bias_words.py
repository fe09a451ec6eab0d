"""The bundled lists, and lists of one's own."""

from __future__ import annotations

import pytest

from longwave.errors import ConfigError, MissingFile
from longwave.metrics import BiasWords, load_bias_words, read_bias_words

OWN = """\
gender: {female: [she], male: [he]}
race: {asian: [li], white: [smith]}
professions: [nurse]
adjectives: [kind, self-made]
"""
PARTS = {
    "gender": {"f": ("she",), "m": ("he",)},
    "race": {"a": ("li",), "b": ("ruiz",)},
    "professions": ("nurse",),
    "adjectives": ("kind",),
}


def test_group_lists_have_the_sizes_of_the_papers():
    words = load_bias_words()
    assert {group: len(found) for group, found in words.gender.items()} == {"female": 20, "male": 20}
    assert {group: len(found) for group, found in words.race.items()} == {
        "asian": 20,
        "hispanic": 16,
        "white": 20,
    }


def test_targets_are_as_many_as_documented():
    words = load_bias_words()
    assert (len(words.professions), len(words.adjectives)) == (198, 280)


def test_lists_are_sorted():
    words = load_bias_words()
    lists = [*words.gender.values(), *words.race.values(), words.professions, words.adjectives]
    assert all(list(found) == sorted(found) for found in lists)


def test_no_target_stands_for_a_group():
    words = load_bias_words()
    groups = {word for found in (*words.gender.values(), *words.race.values()) for word in found}
    assert not groups & {*words.professions, *words.adjectives}


def test_lists_of_ones_own_are_read(tmp_path):
    (tmp_path / "words.yaml").write_text(OWN, "utf-8")
    words = read_bias_words(tmp_path / "words.yaml")
    assert words.race == {"asian": ("li",), "white": ("smith",)}
    assert words.adjectives == ("kind", "self-made")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFile, match=r"words\.yaml"):
        read_bias_words(tmp_path / "words.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"gender": {"f": ("she",)}}, '"gender" has the groups f;', id="one-group"),
        pytest.param({"race": {"a": (), "b": ("ruiz",)}}, '"race" has the groups a, b;', id="empty-group"),
        pytest.param({"professions": ()}, '"professions" is empty', id="no-professions"),
        pytest.param({"adjectives": ("Kind",)}, '"Kind" of "adjectives" is no single word', id="capital"),
        pytest.param({"adjectives": ("well read",)}, "is no single word", id="two-words"),
        pytest.param({"adjectives": ("kind", "kind")}, '"kind" of "adjectives" stands twice', id="twice"),
        pytest.param({"gender": {"f": ("she",), "m": ("she",)}}, "stands twice", id="two-groups"),
    ],
)
def test_unfit_words_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        BiasWords(**{**PARTS, **change})


def test_file_with_unfit_words_is_refused(tmp_path):
    (tmp_path / "words.yaml").write_text(OWN.replace("nurse", "Nurse"), "utf-8")
    with pytest.raises(ConfigError, match='"Nurse" of "professions"'):
        read_bias_words(tmp_path / "words.yaml")
