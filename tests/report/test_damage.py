"""Damaged and half-written input, odd places, interrupted builds: the rest is still shown, and said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from longwave.errors import StorageError
from longwave.predictions import append_side, read_predictions, write_predictions
from longwave.report import build_report
from longwave.report.reading import read_results

Rows = Callable[..., pl.DataFrame]
LINE = '{"step": 1, "tokens": 10, "elapsed_s": 0.5, "bits_per_byte": 3.0}\n'
ADDED = ("system", "input_name", "outcome", "is_floor")


def logged(**changes: object) -> str:
    row = {"step": 2, "tokens": 20, "elapsed_s": 1.0, "bits_per_byte": 2.0, **changes}
    return json.dumps({name: value for name, value in row.items() if value is not ...})


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[1, 2]",
        '"text"',
        "[" * 100_000,
        '{"step": 2',
        "\x00\ufffd",
        logged(step=...),
        logged(tokens="20"),
        logged(step=float("inf")),
        logged(step=float("nan")),
        logged(step=-1),
        logged(tokens=2**63),
        logged(bits_per_byte=10**400),
    ],
    ids=[
        "empty",
        "null",
        "list",
        "text",
        "deep",
        "half",
        "binary",
        "no-step",
        "text-tokens",
        "infinite-step",
        "nan-step",
        "negative-step",
        "too-many-tokens",
        "huge-loss",
    ],
)
def test_a_line_of_a_log_that_cannot_be_used_is_counted_and_left_out(tmp_path: Path, line: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(LINE + line + "\n", "utf-8")
    found = read_results(tmp_path)
    assert found.curves["step"].to_list() == [1]
    assert found.notes == (f'1 of 2 lines of the training log of "{tmp_path.name}" cannot be read.',)


@pytest.mark.parametrize("loss", ["2.0", None, float("nan"), float("inf"), ...], ids=str)
def test_a_row_without_a_loss_draws_nothing(tmp_path: Path, loss: object) -> None:
    (tmp_path / "metrics.jsonl").write_text(LINE + logged(bits_per_byte=loss) + "\n", "utf-8")
    assert 2 not in read_results(tmp_path).curves["step"].to_list()


@pytest.mark.parametrize("time", [None, "soon", float("nan"), float("inf"), ...], ids=str)
def test_a_time_that_is_no_number_is_unknown(tmp_path: Path, time: object) -> None:
    (tmp_path / "metrics.jsonl").write_text(LINE + logged(elapsed_s=time) + "\n", "utf-8")
    assert read_results(tmp_path).curves["elapsed_s"].to_list() == [0.5, None]
    assert 'id="training"' in build_report(tmp_path).read_text("utf-8")


def test_a_log_that_is_not_text_is_noted(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(LINE.encode() + b"\xff\xfe\x80\n")
    assert "1 of 2 lines" in read_results(tmp_path).notes[0]


def test_a_folder_named_like_a_log_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "metrics.jsonl").write_text(LINE, "utf-8")
    assert read_results(tmp_path).curves["model"].to_list() == ["model"]


def test_logs_are_read_in_a_folder_under_one_called_report(tmp_path: Path) -> None:
    folder = tmp_path / "report" / "run"
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text(LINE, "utf-8")
    assert len(read_results(folder).curves) == 1


def test_logs_inside_an_old_report_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "report" / "old").mkdir(parents=True)
    (tmp_path / "report" / "old" / "metrics.jsonl").write_text(LINE, "utf-8")
    (tmp_path / "metrics.jsonl").write_text(LINE, "utf-8")
    assert len(read_results(tmp_path).curves) == 1


def test_models_of_one_name_keep_their_own_curves(tmp_path: Path) -> None:
    for parent in ("a/m", "b/m"):
        (tmp_path / parent).mkdir(parents=True)
        (tmp_path / parent / "metrics.jsonl").write_text(LINE, "utf-8")
    assert read_results(tmp_path).curves["model"].to_list() == ["b/m", "m"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"m": 3}',
        '{"m": null}',
        '{"m": "abc"}',
        '{"m": [["p", "t"]]}',
        "\ufeff{}",
        '{"m": [{}',
    ],
    ids=["deep", "number", "null", "text", "lists", "mark", "half"],
)
def test_damaged_samples_are_noted_and_the_rest_is_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(LINE, "utf-8")
    (tmp_path / "samples.json").write_text(text, "utf-8")
    page = build_report(tmp_path).read_text("utf-8")
    assert "The generated samples cannot be read" in page
    assert 'id="training"' in page
    assert 'id="samples"' not in page


def test_half_characters_in_samples_are_shown_by_their_number(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(LINE, "utf-8")
    (tmp_path / "samples.json").write_text(
        '{"\\ud800m": [{"prompt": "\\udfff", "text": "\\udc80 end"}]}', "utf-8"
    )
    page = build_report(tmp_path).read_text("utf-8")
    assert all(f"U+{code}" in page for code in ("D800", "DFFF", "DC80"))


def test_samples_that_are_no_texts_are_written_out(tmp_path: Path) -> None:
    (tmp_path / "samples.json").write_text('{"m": [{"prompt": 1, "text": null}]}', "utf-8")
    (sample,) = read_results(tmp_path).samples["m"]
    assert (sample.prompt, sample.text) == ("1", "None")


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"kind": 1}'], ids=["half", "list", "null", "part"])
def test_a_damaged_record_does_not_stop_the_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(LINE, "utf-8")
    (tmp_path / "run.json").write_text(text, "utf-8")
    assert "is not a run record" in build_report(tmp_path).read_text("utf-8")


@pytest.mark.parametrize(
    "text",
    ["{", "{}", "null", "[" * 100_000, '[["a"], {"b": 1}, 3, null]', '["a\\u0000b", "", ".", ".."]'],
    ids=["half", "mapping", "null", "deep", "no-names", "odd-names"],
)
def test_a_damaged_manifest_removes_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(LINE, "utf-8")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "files.json").write_text(text, "utf-8")
    (tmp_path / "report" / "mine.txt").write_text("mine", "utf-8")
    page = build_report(tmp_path)
    assert (page.parent / "mine.txt").read_text("utf-8") == "mine"
    assert "index.html" in json.loads((page.parent / "files.json").read_text("utf-8"))


def test_an_interrupted_write_leaves_the_old_page_and_no_scrap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "metrics.jsonl").write_text(LINE, "utf-8")
    page = build_report(tmp_path, title="first")
    real = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if target.name == "index.html":
            raise OSError("disk full")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(StorageError, match=r"index.html.*disk full"):
        build_report(tmp_path, title="second")
    assert "<h1>first</h1>" in page.read_text("utf-8")
    assert not list(page.parent.rglob("*.tmp"))


def test_a_report_in_its_own_folder_does_not_change_the_next_one(mixed_folder: Path, tmp_path: Path) -> None:
    write_predictions(tmp_path / "run", read_predictions(mixed_folder).filter(scenario="books@1"))
    first = build_report(tmp_path / "run").read_bytes()
    assert build_report(tmp_path / "run").read_bytes() == first


def test_the_order_of_rows_and_shards_changes_no_byte(mixed_folder: Path, tmp_path: Path) -> None:
    table = read_predictions(mixed_folder).filter(scenario="local@1")
    shuffled = table.sample(fraction=1, shuffle=True, seed=3)
    write_predictions(tmp_path / "a" / "run", table)
    write_predictions(tmp_path / "b" / "run", shuffled.head(100))
    write_predictions(tmp_path / "b" / "run", shuffled.slice(100))
    first, second = (build_report(tmp_path / name / "run").parent for name in "ab")
    files = {path.relative_to(first): path.read_bytes() for path in first.rglob("*") if path.is_file()}
    assert files == {path.relative_to(second): path.read_bytes() for path in second.rglob("*.*")}


@pytest.mark.parametrize("side", ["requests", "instances"])
def test_one_missing_side_table_is_said_and_the_other_shown(tmp_path: Path, rows: Rows, side: str) -> None:
    write_predictions(
        tmp_path, rows(("s", "a", "m", None, 1.0)).drop(*ADDED).with_columns(request_hash=pl.lit("h"))
    )
    frames = {
        "instances": pl.DataFrame(
            [{"scenario": "s", "instance": "a", "perturbation": None, "input": "the very input"}]
        ),
        "requests": pl.DataFrame([{"request_hash": "h", "prompt": "the very prompt"}]),
    }
    shown = ({"requests", "instances"} - {side}).pop()
    append_side(tmp_path, shown, frames[shown])  # type: ignore[arg-type]
    page = build_report(tmp_path)
    assert f"The {side} table is missing" in page.read_text("utf-8")
    cases = (page.parent / "instances" / "s.html").read_text("utf-8")
    assert ("the very input" in cases, "the very prompt" in cases) == (
        shown == "instances",
        shown == "requests",
    )


def test_an_instance_named_by_five_thousand_digits_is_listed(tmp_path: Path, rows: Rows) -> None:
    names = ["9" * 5000, "10", "9", "010"]
    write_predictions(tmp_path, rows(*[("s", name, "m", None, 1.0) for name in names]).drop(*ADDED))
    cases = (build_report(tmp_path).parent / "instances" / "s.html").read_text("utf-8")
    places = [cases.index(f'id="i-{name}') for name in ("9", "010", "10", "9999")]
    assert places == sorted(places)


def test_floors_alone_make_a_report(tmp_path: Path, rows: Rows) -> None:
    frame = rows(*[("s", f"i{n}", "floor:random", None, float(n % 2)) for n in range(4)])
    write_predictions(tmp_path, frame.drop(*ADDED))
    page = build_report(tmp_path)
    assert "mean win rate" not in page.read_text("utf-8").split("How to read this")[0]
    assert "50.0 %" in (page.parent / "scenarios" / "s.html").read_text("utf-8")
