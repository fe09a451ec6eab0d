from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from longwave.errors import UnknownName
from longwave.scenarios.legal import get_legal_task, list_legal_tasks, load_legal_rows

ROWS = load_legal_rows()


def test_every_bundled_row_is_there():
    assert len(ROWS) == 28_688
    assert Counter((row.release, row.split) for row in ROWS) == {
        ("2023", "train"): 641,
        ("2022-seed", "train"): 249,
        ("2022-seed", "test"): 4928,
        ("2023-03-history", "test"): 22_870,
    }


def test_all_rows_load_in_under_two_seconds():
    code = (
        "import time\nfrom longwave.scenarios.legal import load_legal_rows\nstart = time.process_time()\n"
        "load_legal_rows()\nprint(time.process_time() - start)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(found.stdout) < 2


def test_ids_are_unique():
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_rows_of_one_task_are_chosen_by_release_and_split():
    rows = load_legal_rows("abercrombie", release="2022-seed", split="test")
    assert Counter(row.answer for row in rows) == dict.fromkeys(get_legal_task("abercrombie").labels, 19)


def test_hearsay_shows_one_row_of_each_slice():
    train = load_legal_rows("hearsay", release="2022-seed", split="train")
    assert len({row.inputs["slice"] for row in train}) == len(train) == 5


@pytest.mark.parametrize("task", list_legal_tasks(seed=True), ids=lambda task: task.name)
def test_the_seed_has_as_many_rows_as_it_states(task):
    counts = Counter(row.split for row in load_legal_rows(task.name, release="2022-seed"))
    assert (counts["train"], counts["test"]) == (task.n_train, task.n_test)


def test_no_row_of_a_noncommercial_task_travels():
    assert {row.task for row in ROWS} & {
        task.name for task in list_legal_tasks() if not task.is_redistributable
    } == set()


def test_truth_columns_of_diversity_agree_with_the_answer():
    rows = [row for row in ROWS if "aic_is_met" in row.inputs]
    both = [row.inputs["aic_is_met"] == row.inputs["parties_are_diverse"] == "True" for row in rows]
    assert len(rows) == 1836
    assert [row.answer == "Yes" for row in rows] == both


def test_a_task_without_rows_has_none():
    assert load_legal_rows("learned_hands_benefits") == []


def test_an_unknown_release_is_refused():
    with pytest.raises(UnknownName, match=r'Unknown release of LegalBench "2024"\. .*2023-03-history'):
        load_legal_rows(release="2024")
