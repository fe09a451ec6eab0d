from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

from longwave.errors import ConfigError, DataError, StorageError, UnknownName
from longwave.interchange import import_results, importing
from longwave.predictions import read_predictions, read_side


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def sources(helm, lm_eval, inspect_logs):
    return {"helm": helm, "lm-eval": lm_eval, "inspect": inspect_logs}


@pytest.mark.parametrize(("kind", "rows"), [("helm", 16), ("lm-eval", 14), ("inspect", 9)])
def test_folder_holds_what_the_summary_says(sources, tmp_path, kind, rows):
    summary = import_results(kind, sources[kind], tmp_path / "out")
    found = read_predictions(tmp_path / "out")
    assert (summary.tool, summary.rows, len(found)) == (kind, rows, rows)
    assert set(found["run"]) == set(summary.runs)
    for table in ("requests", "instances", "scores"):
        assert len(read_side(tmp_path / "out", table)) == getattr(summary, table)


@pytest.mark.parametrize("kind", ["helm", "lm-eval", "inspect"])
def test_importing_again_changes_nothing(sources, tmp_path, kind):
    first = import_results(kind, sources[kind], tmp_path)
    before = files_of(tmp_path)
    again = import_results(kind, sources[kind], tmp_path)
    assert (again.rows, again.runs, again.unchanged) == (0, (), len(first.runs))
    assert files_of(tmp_path) == before


def test_equal_files_give_equal_folders(helm, tmp_path):
    for name in ("a", "b"):
        import_results("helm", helm, tmp_path / name)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_harnesses_share_a_folder(sources, tmp_path):
    for kind, path in sources.items():
        import_results(kind, path, tmp_path)
    assert {name.partition(":")[0] for name in read_predictions(tmp_path)["scenario"]} == set(sources)


def test_imported_rows_stand_beside_an_evaluation(lm_eval, tmp_path):
    from longwave.evaluation import evaluate

    own = evaluate(model="fake:first", scenarios=["blimp"], max_instances=2, out=tmp_path)
    import_results("lm-eval", lm_eval, tmp_path)
    assert len(read_predictions(tmp_path)) == len(own) + 14
    again = evaluate(model="fake:first", scenarios=["blimp"], max_instances=2, out=tmp_path)
    assert len(again) == len(own) + 14


def test_suite_that_has_grown_is_taken_up_where_it_was(helm, tmp_path):
    suite = shutil.copytree(helm / "planets-joint", tmp_path / "suite" / "planets-joint").parent
    import_results("helm", suite, tmp_path / "out")
    shutil.copytree(helm / "capitals", suite / "capitals")
    summary = import_results("helm", suite, tmp_path / "out")
    assert (summary.rows, summary.unchanged, len(read_predictions(tmp_path / "out"))) == (8, 1, 12)


def test_row_that_is_there_from_another_run_stays(lm_eval, tmp_path):
    import_results("lm-eval", lm_eval, tmp_path)
    summary = import_results("lm-eval", lm_eval, tmp_path, metric="acc_norm")
    assert (summary.rows, summary.runs) == (0, ())
    assert summary.skipped["rows whose key the folder has from another run (those are kept)"] == 14
    assert read_predictions(tmp_path)["score"].null_count() == 0


def test_scores_of_rows_that_are_left_out_are_left_out_too(inspect_logs, inspect_json, tmp_path):
    import_results("inspect", inspect_logs, tmp_path)
    before = len(read_side(tmp_path, "scores"))
    import_results("inspect", inspect_json, tmp_path)
    assert len(read_side(tmp_path, "scores")) == before


def test_killed_import_is_finished_by_the_next(helm, tmp_path, monkeypatch):
    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "write_predictions", kill)
    with pytest.raises(KeyboardInterrupt):
        import_results("helm", helm, tmp_path / "out")
    assert len(read_predictions(tmp_path / "out")) == 0
    monkeypatch.undo()
    import_results("helm", helm, tmp_path / "out")
    import_results("helm", helm, tmp_path / "whole")
    for table in ("requests", "instances", "scores"):
        key = read_side(tmp_path / "out", table).columns[:3]
        found, whole = (read_side(tmp_path / name, table).sort(key) for name in ("out", "whole"))
        assert len(found) == len(whole)


def test_damaged_run_does_not_undo_what_came_before_it(helm, tmp_path):
    suite = shutil.copytree(helm, tmp_path / "suite")
    path = suite / "planets-separate" / "scenario_state.json"
    path.write_text("{", "utf-8")
    with pytest.raises(DataError, match="planets-separate"):
        import_results("helm", suite, tmp_path / "out")
    assert len(read_predictions(tmp_path / "out")) == 14
    shutil.rmtree(path.parent)
    assert import_results("helm", suite, tmp_path / "out").unchanged == 3


def test_small_runs_are_written_together_and_large_ones_at_once(helm, tmp_path, monkeypatch):
    import_results("helm", helm, tmp_path / "together")
    monkeypatch.setattr(importing, "BATCH_ROWS", 1)
    import_results("helm", helm, tmp_path / "apart")
    counts = [len(list((tmp_path / name / "predictions").iterdir())) for name in ("together", "apart")]
    assert counts == [1, 4]
    together, apart = (read_predictions(tmp_path / name) for name in ("together", "apart"))
    assert together.equals(apart)


def test_record_keeps_the_figures_of_the_other_tool(lm_eval, tmp_path):
    summary = import_results("lm-eval", lm_eval, tmp_path)
    records = [json.loads((tmp_path / "imports" / f"{run}.json").read_text("utf-8")) for run in summary.runs]
    planets = next(record for record in records if record["about"]["name"] == "planets_mc")
    assert planets["reported"] == {"acc,none": 0.5, "acc_norm,none": 0.5}
    assert (planets["rows"], planets["about"]["tool_version"]) == (4, "0.4.13")
    assert planets["source"].startswith("org__rule-7b/samples_planets_mc_")


def test_no_place_of_this_machine_is_written(sources, tmp_path):
    for kind, path in sources.items():
        import_results(kind, path, tmp_path)
    place = str(sources["helm"].parents[2]).encode()
    assert [name for name, data in files_of(tmp_path).items() if place in data] == []


def test_progress_is_told_run_by_run(helm, tmp_path):
    told: list[tuple[int, int, str]] = []
    import_results("helm", helm, tmp_path, on_progress=lambda *news: told.append(news))
    assert told == [
        (1, 4, "capitals"),
        (2, 4, "planets-calibrated"),
        (3, 4, "planets-joint"),
        (4, 4, "planets-separate"),
    ]


def test_perturbed_rows_count_for_robustness(paper, tmp_path):
    from longwave.evaluation import summarize_families

    import_results("helm", paper, tmp_path)
    found = summarize_families(tmp_path).filter(pl.col("metric").is_in(["robustness", "fairness"]))
    assert dict(found.select("metric", "value").rows()) == {"robustness": 0.5, "fairness": 1.0}


@pytest.mark.parametrize("date", ["2024-1-2", "2024-13-01", "20240102", "yesterday"])
def test_date_is_a_day(lm_eval, tmp_path, date):
    with pytest.raises(ConfigError, match=f'The date is "{date}"; write YYYY-MM-DD'):
        import_results("lm-eval", lm_eval, tmp_path, date=date)


def test_unknown_kind_is_told(tmp_path):
    with pytest.raises(UnknownName, match='Did you mean "helm"'):
        import_results("hlem", tmp_path, tmp_path)


def test_folder_that_cannot_be_made_is_told(lm_eval, tmp_path):
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(StorageError, match="Cannot make the folder"):
        import_results("lm-eval", lm_eval, tmp_path / "file" / "out")
