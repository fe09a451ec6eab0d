"""The corpora of ICE: what is left of their markup, and where texts and genders come from."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import DataError
from longwave.scenarios import get_scenario, load_official
from longwave.scenarios.targeted.ice import clean_markup

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "ice"


@pytest.fixture(scope="module")
def texts():
    return {item.id.removeprefix("ice-test-"): item for item in get_scenario("ice").official.parse(FIXTURE)}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("<ICE-HK:S1A-001#1:1:A> <$A> Yes", "<$A> Yes"),
        ("a <O>laughs <O>loudly</O> </O>b", "a b"),
        ("a <&> comment </&>b <del>c</del>d <.> br </.>e", "a b d e"),
        ("so <,> we <,,> went", "so, we, went"),
        ("<w>can</w>'t <foreign>accha</foreign> <[> both </[>", "can't accha  both"),
        ("3 < 4 and 5 > 2", "3 < 4 and 5 > 2"),
        ("caf&eacute; &obrack;x&cbrack; 5&percent; R&ersand;D &amp; more", "café (x) 5% R&D & more"),
        ("one\n \n\n\n  two\nthree", "one\n\ntwo\nthree"),
        ("W1A-001 Text BBBvoice quietRRR goes UUU on RRRx III3 foot", "Text goes on foot"),
        ("<O>all of it</O>", ""),
        ("", ""),
    ],
    ids=["id", "nested", "dropped", "pauses", "kept", "signs", "entities", "lines", "codes", "none", "empty"],
)
def test_markup_is_taken_out(text, clean):
    assert clean_markup(text) == clean


@given(st.text(alphabet="ab <>/O$,\n&;", max_size=60))
def test_cleaning_ends_and_leaves_no_blanks_around(text):
    assert clean_markup(text) == clean_markup(text).strip()


def test_files_of_east_africa_are_cut_into_their_texts(texts):
    assert texts["ea-conv1-K-000"].input.startswith("<$A> You came by the, new road?")
    assert texts["ea-conv1-K-001"].input == "<$A> The rains are late this year."
    assert texts["ea-editor-T"].input == "Water for all\n\nThe ministry promised taps in every village."


def test_older_texts_are_read_as_latin_1(texts):
    assert "café visit" in texts["hk-W1B-002"].input


def test_a_text_without_words_is_left_out(texts):
    assert [key for key in texts if key.startswith("usa")] == ["usa-W1A-004"]


def test_gender_is_known_where_all_are_of_one(texts):
    genders = {key: item.extra.get("gender") for key, item in texts.items() if key.startswith(("ind", "usa"))}
    assert genders == {"ind-S1A-003": "female", "ind-W2A-001": None, "usa-W1A-004": "male"}


def test_the_case_of_folder_names_does_not_matter(tmp_path, texts):
    folder = Path(shutil.copytree(FIXTURE, tmp_path / "ice"))
    (folder / "ICE-HK" / "Corpus").rename(folder / "ICE-HK" / "CORPUS")
    assert len(get_scenario("ice").official.parse(folder)) == len(texts)


def test_missing_corpora_tell_where_to_ask(tmp_path):
    with pytest.raises(DataError, match=re.escape("ask for it at https://www.ice-corpora.uzh.ch")):
        load_official(get_scenario("ice"), folder=tmp_path)
