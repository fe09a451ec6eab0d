from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import polars as pl
import pytest

from longwave.errors import ConfigError, DataError, MissingFile, StorageError, UnknownName
from longwave.interchange import export_results, export_table, exporting, import_results
from longwave.predictions import read_predictions, read_side

FIXTURES = Path(__file__).parents[1] / "fixtures" / "interchange"
TABLES = ("predictions", "requests", "instances", "scores")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with imported results; not to be written to."""
    out = tmp_path_factory.mktemp("results")
    import_results("helm", FIXTURES / "helm" / "paper", out)
    import_results("lm-eval", FIXTURES / "lm_eval", out)
    return out


def table_of(folder, name):
    return read_predictions(folder) if name == "predictions" else read_side(folder, name)


@pytest.mark.parametrize("name", TABLES)
def test_parquet_holds_the_table_itself(folder, tmp_path, name):
    path = export_results(folder, tmp_path / "a.parquet", table=name)
    assert pl.read_parquet(path).equals(table_of(folder, name))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("end", ["json", "jsonl", "ndjson"])
def test_json_holds_every_row(folder, tmp_path, name, end):
    text = export_results(folder, tmp_path / f"a.{end}", table=name).read_text("utf-8")
    rows = json.loads(text) if end == "json" else [json.loads(line) for line in text.splitlines()]
    assert rows == table_of(folder, name).to_dicts()


@pytest.mark.parametrize("name", TABLES)
def test_csv_holds_every_row_with_lists_as_json(folder, tmp_path, name):
    path = export_results(folder, tmp_path / "a.csv", table=name)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = table_of(folder, name)
    assert len(rows) == len(table)
    for column, dtype in table.schema.items():
        cells = [row[column] for row in rows]
        if isinstance(dtype, pl.List):
            assert [json.loads(cell) if cell else None for cell in cells] == table[column].to_list()
        elif dtype == pl.String:
            assert cells == table[column].fill_null("").to_list()


def test_pieces_of_json_fit_together(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "_CHUNK", 4)
    path = export_results(folder, tmp_path / "a.json")
    assert json.loads(path.read_text("utf-8")) == read_predictions(folder).to_dicts()


def test_summary_has_a_row_a_model_and_scenario(folder, tmp_path):
    found = pl.read_csv(export_results(folder, tmp_path / "a.csv", table="summary"))
    assert found.columns == ["scenario", "model", "prompt", "metric", "value", "stderr", "n", "low", "high"]
    boolq = found.row(by_predicate=pl.col("scenario") == "helm:boolq@0", named=True)
    assert (boolq["value"], boolq["n"]) == (1.0, 2)  # originals only


def test_latex_lays_models_out_by_scenarios(folder, tmp_path):
    text = export_results(folder, tmp_path / "a.tex", table="summary").read_text("utf-8")
    assert "\\toprule\nmodel & prompt & helm:boolq@0 & lm-eval:planets\\_mc@1 &" in text
    assert (
        "org/rule-7b & multiple\\_choice-0-shot & -- & 0.5 {\\scriptsize (0.15, 0.85)} & -- & -- \\\\" in text
    )


def test_latex_of_families_is_a_table_a_metric(folder, tmp_path):
    from longwave.evaluation import summarize_families

    text = export_table(summarize_families(folder), tmp_path / "a.tex").read_text("utf-8")
    assert "\\caption{robustness: mean (95 \\% interval)}" in text
    assert text.count("\\begin{table}") == text.count("\\bottomrule") > 3


def summary(*rows):
    names = ("scenario", "model", "metric", "value", "low", "high")
    schema = dict(zip(names, [pl.String] * 3 + [pl.Float64] * 3, strict=True))
    return pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows], schema=schema)


@pytest.mark.parametrize(
    ("value", "low", "high", "cell"),
    [
        (0.5, 0.25, 0.75, "0.5 {\\scriptsize (0.25, 0.75)}"),
        (-1.5, None, None, "$-1.5$"),
        (123456.0, None, None, "1.23e+05"),
        (0.00001, None, None, "1.00e-05"),
        (0.0, None, 1.0, "0"),
        (math.inf, None, None, "$\\infty$"),
        (-math.inf, None, None, "$-\\infty$"),
        (None, None, None, "--"),
    ],
)
def test_cell_has_three_digits_and_its_interval(tmp_path, value, low, high, cell):
    frame = summary(("s", "m", "score", value, low, high))
    assert f"m & {cell} \\\\" in export_table(frame, tmp_path / "a.tex").read_text("utf-8")


def test_names_cannot_be_commands(tmp_path):
    frame = summary((r"s\input{x}", "[m] & 50% $x$", "score", 0.5, None, None))
    text = export_table(frame, tmp_path / "a.tex").read_text("utf-8")
    assert "{[}m{]} \\& 50\\% \\$x\\$ & 0.5" in text
    assert "\\input" not in text


def test_two_rows_for_one_cell_are_refused(tmp_path):
    row = ("s", "m", "score", 0.5, None, None)
    with pytest.raises(DataError, match='several rows for "m" on "s"'):
        export_table(summary(row, row), tmp_path / "a.tex")


def test_scores_of_single_rows_are_no_summary(folder, tmp_path):
    with pytest.raises(DataError, match='has no "low"'):
        export_results(folder, tmp_path / "a.tex", table="scores")


EVIL = pl.DataFrame(
    {"said": ["=1+1", "+a", "-b", "@c", "\td", "\re", "f=", "", None, "\ng"], "n": range(-5, 5)}
)


def read_cells(path):
    with path.open(encoding="utf-8", newline="") as file:
        return [row["said"] for row in csv.DictReader(file)]


def test_formulas_stay_texts_where_that_is_asked(tmp_path):
    path = export_table(EVIL, tmp_path / "a.csv", safe=True)
    assert read_cells(path) == ["'=1+1", "'+a", "'-b", "'@c", "'\td", "'\re", "f=", "", "", "'\ng"]
    assert pl.read_csv(path)["n"].to_list() == list(range(-5, 5))


def test_texts_stay_as_they_are_otherwise(tmp_path):
    path = export_table(EVIL, tmp_path / "a.csv")
    assert read_cells(path) == [text or "" for text in EVIL["said"]]


def test_null_and_empty_text_are_apart_in_csv(tmp_path):
    path = export_table(pl.DataFrame({"a": ["", None, "x"]}), tmp_path / "a.csv")
    assert path.read_text("utf-8") == 'a\n""\n\nx\n'


def test_infinity_is_null_in_json(tmp_path):
    path = export_table(pl.DataFrame({"a": [math.inf, -math.inf, 1.0, None]}), tmp_path / "a.jsonl")
    assert [json.loads(line)["a"] for line in path.read_text("utf-8").splitlines()] == [None, None, 1.0, None]


@pytest.mark.parametrize("end", ["csv", "json", "jsonl", "parquet", "tex"])
def test_empty_table_can_be_written(tmp_path, end):
    path = export_table(summary(), tmp_path / f"a.{end}")
    assert path.is_file()
    assert end != "json" or json.loads(path.read_text("utf-8")) == []


@pytest.mark.parametrize("end", ["csv", "json", "jsonl", "parquet"])
def test_equal_tables_give_equal_files(folder, tmp_path, end):
    paths = [export_results(folder, tmp_path / f"{name}.{end}") for name in ("a", "b")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_format_that_is_asked_for_beats_the_name(folder, tmp_path):
    path = export_results(folder, tmp_path / "a.txt", format="jsonl")
    assert len(path.read_text("utf-8").splitlines()) == len(read_predictions(folder))


def test_old_file_stays_where_a_table_is_none(folder, tmp_path):
    (tmp_path / "a.tex").write_text("old", "utf-8")
    with pytest.raises(DataError, match='needs a summary, and the frame has no "metric"'):
        export_results(folder, tmp_path / "a.tex")
    assert [(path.name, path.read_text("utf-8")) for path in tmp_path.iterdir()] == [("a.tex", "old")]


def test_folder_of_the_file_is_made(folder, tmp_path):
    assert export_results(folder, tmp_path / "new" / "a.csv").is_file()


def test_file_that_cannot_be_written_is_told(folder, tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(StorageError, match=r"a\.csv"):
        export_results(folder, tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        ({"path": "a.xls"}, ConfigError, 'The name "a.xls" does not tell a format'),
        ({"path": "a.csv", "format": "xml"}, UnknownName, 'Unknown format "xml"'),
        ({"path": "a.csv", "table": "predictoins"}, UnknownName, 'Did you mean "predictions"'),
        ({"path": "a.json", "safe": True}, ConfigError, '"safe" is for CSV'),
    ],
    ids=["name", "format", "table", "safe"],
)
def test_wrong_word_is_told(folder, tmp_path, words, error, says):
    with pytest.raises(error, match=says):
        export_results(folder, tmp_path / words.pop("path"), **words)


def test_missing_folder_is_told(tmp_path):
    with pytest.raises(MissingFile):
        export_results(tmp_path / "none", tmp_path / "a.csv")
