"""The two summarisation scenarios: their cuts, and their sources' forms."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import DataError
from longwave.scenarios import get_scenario
from longwave.scenarios.core.summaries import MAX_WORDS, cut_words, is_short_document, summary_prompt
from longwave.scenarios.core.summarization_xsum import ARTICLES

FIXTURES = Path(__file__).parents[2] / "fixtures" / "scenarios"
BOTH = ("summarization_cnndm", "summarization_xsum")


@pytest.fixture(params=BOTH)
def parsed(request):
    return get_scenario(request.param).official.parse(FIXTURES / request.param)


@pytest.fixture
def folder(tmp_path):
    """Return a function that copies a scenario's fixture."""
    return lambda name: Path(shutil.copytree(FIXTURES / name, tmp_path / name))


@given(st.text(max_size=60), st.integers(0, 10))
def test_cutting_keeps_the_first_words(text, limit):
    cut = cut_words(text, limit)
    assert cut.split() == text.split()[:limit]
    assert cut_words(cut, limit) == cut


@pytest.mark.parametrize(
    ("n_words", "expected"), [(49, False), (50, True), (150, True), (151, False), (0, False)]
)
def test_examples_have_50_to_150_words(n_words, expected):
    assert is_short_document(" ".join(["word"] * n_words)) is expected


@pytest.mark.parametrize(("n", "text"), [(1, "in 1 sentence.\n"), (3, "in 3 sentences.\n")])
def test_the_instruction_follows_the_article(n, text):
    assert summary_prompt(n, max_tokens=64).output_prefix == f"Summarize the above article {text}"


def test_train_articles_of_another_length_are_left_out(parsed):
    assert Counter(item.split for item in parsed) == {"train": 6, "test": 3}


def test_long_articles_are_cut_and_on_one_line(parsed):
    longest = max((item for item in parsed if item.split == "test"), key=lambda item: len(item.input))
    assert len(longest.input.split()) == MAX_WORDS
    assert not any("\n" in item.input + item.label for item in parsed)


def test_ids_count_the_rows_of_the_source(parsed):
    name = parsed[0].id.partition("-")[0]
    numbers = [0, 2, 3, 5, 6, 7] if name == "summarization_cnndm" else range(6)
    assert [item.id for item in parsed if item.split == "train"] == [
        f"{name}-train-{number:06d}" for number in numbers
    ]


def test_highlights_are_one_summary():
    found = get_scenario("summarization_cnndm").official.parse(FIXTURES / "summarization_cnndm")
    assert found[-1].label == "Cooks buy the café of Dunmere station ."


def test_xsum_gives_articles_in_the_order_of_its_splits_and_not_of_its_archive():
    found = get_scenario("summarization_xsum").official.parse(FIXTURES / "summarization_xsum")
    assert [item.extra["source_id"] for item in found if item.split == "test"] == [
        "40000000",
        "40000001",
        "40000002",
    ]


def test_xsum_leaves_out_page_furniture_and_summaries_of_the_wrong_length():
    found = get_scenario("summarization_xsum").official.parse(FIXTURES / "summarization_xsum")
    kept = {item.extra["source_id"] for item in found if item.split == "train"}
    assert kept == {f"3000000{index}" for index in range(6)}  # not 7 (furniture), 8 (short), 9 (long)


def test_cnndm_without_highlights_is_refused(folder):
    path = folder("summarization_cnndm")
    pl.DataFrame({"article": ["x"], "id": ["y"]}).write_parquet(path / "test-00000-of-00001.parquet")
    with pytest.raises(DataError, match=r"test-00000-of-00001\.parquet"):
        get_scenario("summarization_cnndm").official.parse(path)


def _write_archive(path: Path, text: str) -> None:
    """Write an archive that holds every article of the fixture's splits with the same text."""
    data = text.encode()
    with gzip.open(path, "wb") as raw, tarfile.open(fileobj=raw, mode="w") as archive:
        for key in [*range(30000000, 30000010), *range(40000000, 40000002)]:
            member = tarfile.TarInfo(f"bbc-summary-data/{key}.summary")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[SN]URL[SN]\nx\n[SN]TITLE[SN]\nx", "its parts are URL, TITLE; accepted are URL, TITLE, FIRST"),
        ("nothing", "its parts are none"),
        (
            "[SN]URL[SN]\nx[SN]TITLE[SN]\nx[SN]FIRST-SENTENCE[SN]\nx[SN]RESTBODY[SN]\nx",
            'holds no file "40000002.summary"',
        ),
    ],
    ids=["parts", "no-parts", "missing"],
)
def test_a_damaged_archive_of_xsum_is_named(folder, text, message):
    path = folder("summarization_xsum")
    _write_archive(path / ARTICLES, text)
    with pytest.raises(DataError, match=message):
        get_scenario("summarization_xsum").official.parse(path)
