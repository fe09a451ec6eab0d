from __future__ import annotations

import polars as pl
import pytest

from longwave.errors import DataError, TableError
from longwave.monitoring.probing.instances import pick_baseline, probe_instances
from longwave.predictions import SCHEMA


def _rows(n: int = 60, **columns: object) -> pl.DataFrame:
    """Rows of a predictions table: labels yes and no, predictions always yes."""
    labels = ["yes", "no"] * (n // 2)
    made: dict[str, object] = {
        "scenario": "quiz@1",
        "instance": [f"i{row}" for row in range(n)],
        "model": "m",
        "version": "1",
        "date": "2026-01-01",
        "prompt": "own",
        "perturbation": None,
        "trial": 0,
        "input_hash": [f"h{row}" for row in range(n)],
        "label": labels,
        "prediction": ["yes"] * n,
        "correct": [label == "yes" for label in labels],
        **columns,
    }
    full = {name: value if isinstance(value, list) else [value] * n for name, value in made.items()}
    return pl.DataFrame({name: full.get(name, [None] * n) for name in SCHEMA}, schema=SCHEMA)


class Table:
    """Answers from a table."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows
        self.asked: list[str] = []

    def ask(self, instances):
        self.asked += instances
        order = pl.DataFrame({"instance": list(instances)})
        return order.join(self.rows, on="instance", how="left", maintain_order="left").select(list(SCHEMA))


def test_the_baseline_is_what_was_answered_once_about_original_inputs():
    rows = pl.concat(
        [
            _rows(4),
            _rows(4, model="floor:random"),
            _rows(4, perturbation="typos"),
            _rows(4, trial=1),
            _rows(4, instance=["a", "b", "c", "d"], error="too long"),
            _rows(4, instance=["e", "f", "g", "h"], correct=None),
            _rows(4, date="2025-12-31"),
        ]
    )
    assert pick_baseline(rows).equals(_rows(4))
    assert pick_baseline(rows, date="2025-12-31")["date"].unique().to_list() == ["2025-12-31"]


@pytest.mark.parametrize("name", ["scenario", "model", "prompt"])
def test_one_of_several_must_be_named(name):
    rows = pl.concat([_rows(4), _rows(4, **{name: "other"})])
    with pytest.raises(DataError, match=f"several {name}s: .*other"):
        pick_baseline(rows)
    assert pick_baseline(rows, **{name: "other"})[name].unique().to_list() == ["other"]


def test_a_baseline_without_answers_is_refused():
    with pytest.raises(DataError, match="no answered rows that are right or wrong for model x"):
        pick_baseline(_rows(), model="x")


def test_answers_are_compared_as_they_were_marked():
    """ "Yes." was marked right, so it is the label; the same words marked wrong are not."""
    new = _rows(prediction=["Yes."] * 60)
    found = probe_instances(Table(new), _rows(), budget=60)
    assert found.estimate.delta.estimate == 0
    marked = _rows(prediction=["yes", "no"] * 30, correct=[False] * 60)
    wrong = probe_instances(Table(marked), _rows(), budget=60)
    assert wrong.estimate.accuracy.estimate == pytest.approx(0)
    assert set(wrong.answers["new_prediction"]) == {"yes (wrong)", "no (wrong)"}


def test_failed_requests_are_no_answers():
    new = _rows(error=["no"] * 30 + [None] * 30)
    found = probe_instances(Table(new), _rows(), budget=60)
    assert (found.n_failed, len(found.answers)) == (30, 30)


def test_free_answers_are_only_right_or_wrong():
    texts = [f"t{row}" for row in range(100)]
    before = _rows(100, label=texts, prediction=texts[:50] + ["?"] * 50, correct=[True] * 50 + [False] * 50)
    after = _rows(100, label=texts, prediction=[None] * 10 + texts[10:], correct=[False] * 10 + [True] * 90)
    found = probe_instances(Table(after), before, budget=100)
    assert set(found.estimate.classes) == {"right", "wrong", None}
    assert found.estimate.delta.estimate == pytest.approx(0.4)


def test_the_state_is_kept_in_the_folder(tmp_path):
    table = Table(_rows())
    probe_instances(table, _rows(), budget=10, out=tmp_path)
    assert (tmp_path / "probe.json").is_file()
    again = Table(_rows())
    probe_instances(again, _rows(), budget=10, out=tmp_path)
    assert len(table.asked) == 10
    assert again.asked == []


def test_another_text_of_an_instance_is_refused():
    with pytest.raises(DataError, match="has another text than in the baseline"):
        probe_instances(Table(_rows(input_hash="new")), _rows(), budget=10)


def test_an_answer_that_is_missing_is_refused():
    class Short(Table):
        def ask(self, instances):
            return super().ask(instances)[1:]

    with pytest.raises(TableError, match="24 rows came back for 25 instances"):
        probe_instances(Short(_rows()), _rows(), budget=30)
