from __future__ import annotations

import json

import pytest

from longwave.errors import ClientError, DataError, MissingFile, StorageError
from longwave.monitoring import HapiStore, Run
from longwave.monitoring.hapi import Answer, RecordedPredictor, collect_run

RUN = Run(task="sa", dataset="tickets", api="acme_sa", date="2024-05-01", cost_per_10k=2.5)
TEXTS = ["good", "bad", "fine", "awful", "nice"]
LABELMAP = {"POS": 0, "NEG": 1}


class Rule:
    """Calls texts with an ``a`` negative, and breaks down after some batches."""

    def __init__(self, breaks_after: int = 99) -> None:
        self.asked: list[list[str]] = []
        self.breaks_after = breaks_after

    def predict(self, batch):
        if len(self.asked) == self.breaks_after:
            raise ClientError("the API is down")
        self.asked.append(list(batch))
        return [
            Answer(label="NEG" if "a" in text else "POS", confidence=0.5, latency_s=0.1) for text in batch
        ]


@pytest.fixture
def store():
    made = HapiStore.empty("own")
    made.add_labels(
        "sa", "tickets", [{"example_id": text, "true_label": place % 2} for place, text in enumerate(TEXTS)]
    )
    return made


def test_round_is_asked_in_batches_and_added(store):
    rule, told = Rule(), []
    kept = collect_run(
        store, RUN, rule, TEXTS, labelmap=LABELMAP, batch_size=2, on_progress=lambda *pair: told.append(pair)
    )
    assert kept.date == "24-05-01"
    assert rule.asked == [["good", "bad"], ["fine", "awful"], ["nice"]]
    assert told == [(2, 5), (4, 5), (5, 5)]
    table = store.table(columns=["predicted_label", "score", "latency_s"]).collect()
    assert table["predicted_label"].to_list() == [0, 1, 0, 1, 0]
    assert table["score"].sum() == 5
    assert table["latency_s"].to_list() == [0.1] * 5


def test_round_that_broke_off_goes_on_and_pays_nothing_twice(store, tmp_path):
    record = tmp_path / "rounds" / "record.jsonl"
    with pytest.raises(ClientError, match="the API is down"):
        collect_run(store, RUN, Rule(breaks_after=1), TEXTS, record=record, labelmap=LABELMAP, batch_size=2)
    rule = Rule()
    collect_run(store, RUN, rule, TEXTS, record=record, labelmap=LABELMAP, batch_size=2)
    assert rule.asked == [["fine", "awful"], ["nice"]]
    assert store.table().collect()["score"].sum() == 5


def test_line_that_was_cut_short_is_asked_again(store, tmp_path):
    record = tmp_path / "record.jsonl"
    collect_run(store, RUN, Rule(), TEXTS, record=record, labelmap=LABELMAP)
    record.write_text(record.read_text("utf-8")[:-9], "utf-8")
    rule = Rule()
    later = Run(task="sa", dataset="tickets", api="acme_sa", date="2024-06-01")
    collect_run(store, later, rule, TEXTS, record=record, labelmap=LABELMAP)
    assert rule.asked == [["nice"]]
    assert [json.loads(line)["row"] for line in record.read_text("utf-8").splitlines()] == [0, 1, 2, 3, 4]


def test_record_is_replayed_without_asking(store, tmp_path):
    record = tmp_path / "record.jsonl"
    collect_run(store, RUN, Rule(), TEXTS, record=record, labelmap=LABELMAP)
    again = HapiStore.empty("again")
    again.add_labels("sa", "tickets", store.examples_of("sa", "tickets"))
    collect_run(again, RUN, RecordedPredictor(record), TEXTS, labelmap=LABELMAP, batch_size=3)
    assert again.table().collect().equals(store.table().collect())
    predictor = RecordedPredictor(record)
    with pytest.raises(ClientError, match="has no answer to input 5"):
        predictor.predict([*TEXTS, "more"])


def test_record_keeps_texts_with_any_sign(tmp_path):
    store = HapiStore.empty("own")
    store.add_labels("llm", "odd", [{"example_id": "a", "true_label": "x\u2028y"}])
    run = Run(task="llm", dataset="odd", api="m", date="2024-05-01")
    answer = Answer(label="x\u2028y")
    for _ in range(2):  # the second time from the record
        other = HapiStore.empty("own")
        other.add_labels("llm", "odd", store.examples_of("llm", "odd"))

        class Echo:
            def predict(self, batch):
                return [answer] * len(batch)

        collect_run(other, run, Echo(), ["?"], record=tmp_path / "record.jsonl")
        assert other.table().collect()["score"].to_list() == [1.0]


def test_inputs_and_examples_are_as_many(store):
    with pytest.raises(DataError, match="4 inputs for the 5 examples of sa/tickets"):
        collect_run(store, RUN, Rule(), TEXTS[:4])


def test_answers_and_inputs_are_as_many(store):
    class Short:
        def predict(self, batch):
            return [Answer(label=0)] * (len(batch) - 4)

    with pytest.raises(DataError, match="gave 1 answers to 5 inputs"):
        collect_run(store, RUN, Short(), TEXTS)


def test_dataset_without_labels_here_is_told():
    with pytest.raises(DataError, match=r"sa/tickets is no dataset of this store\. Add its labels first"):
        collect_run(HapiStore.empty("own"), RUN, Rule(), TEXTS)


@pytest.mark.parametrize("line", ["no json", "[]", '{"label": 0}', '{"row": 0, "colour": 1}'])
def test_damaged_record_is_told(tmp_path, line):
    (tmp_path / "record.jsonl").write_text(line + "\n", "utf-8")
    with pytest.raises(DataError, match=r"Line 1 of .* is no answer"):
        RecordedPredictor(tmp_path / "record.jsonl")


def test_missing_record_is_told(tmp_path):
    with pytest.raises(MissingFile, match="what collect_run recorded"):
        RecordedPredictor(tmp_path / "absent.jsonl")


def test_record_that_cannot_be_written_is_told(store, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="Cannot write"):
        collect_run(store, RUN, Rule(), TEXTS, record=tmp_path / "file" / "record.jsonl", labelmap=LABELMAP)
