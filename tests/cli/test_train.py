from __future__ import annotations

import errno
import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from longwave.training import TrainResult, checkpoints

Longwave = Callable[..., object]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty folder the current one."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def _steps(folder: Path) -> list[tuple[int, float]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [(row["step"], row["loss"]) for row in rows if "loss" in row]


def test_a_run_ends_with_its_measure_on_stdout(longwave: Longwave, tiny: list[str], work: Path) -> None:
    ran = longwave("train", *tiny, "--out", "run")
    assert (ran.code, ran.out.startswith("run: done, 4 steps, "), ran.out.count("\n")) == (0, True, 1)


def test_progress_goes_to_stderr(longwave: Longwave, tiny: list[str], work: Path) -> None:
    assert "train 4/4  loss " in longwave("train", *tiny, "--out", "run").err


def test_a_second_call_says_that_the_run_is_finished(longwave: Longwave, tiny: list[str], work: Path) -> None:
    longwave("train", *tiny, "--out", "run")
    assert "was finished before, 4 steps" in longwave("train", *tiny, "--out", "run").out


def test_json_is_one_document(longwave: Longwave, tiny: list[str], work: Path) -> None:
    assert longwave("train", *tiny, "--out", "run", "--json").json["step"] == 4


def test_quiet_prints_the_result_only(longwave: Longwave, tiny: list[str], work: Path) -> None:
    ran = longwave("--quiet", "train", *tiny, "--out", "run")
    assert (ran.err, ran.out.count("\n")) == ("", 1)


def test_show_prints_the_resolved_configuration(longwave: Longwave, tiny: list[str], work: Path) -> None:
    assert longwave("train", *tiny, "optim.lr=3e-4", "--show").json["optim"]["lr"] == 3e-4


def test_show_trains_nothing(longwave: Longwave, tiny: list[str], work: Path) -> None:
    longwave("train", *tiny, "--show")
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("recipe", "folder"), [("quickstart-hyena", "quickstart-hyena"), ("hyena-pile-1.3b", "hyena-pile-1.3b")]
)
def test_the_folder_is_named_after_the_recipe(
    recipe: str, folder: str, longwave: Longwave, tiny: list[str], work: Path
) -> None:
    changes = ["data.validation_path=null", "precision=float32", *tiny[1:]]
    ran = longwave("train", recipe, *changes, "model.mixer_options={}")
    assert (ran.code, (work / "runs" / folder / "result.json").is_file()) == (0, True)


def test_the_folder_of_a_file_is_named_without_its_ending(
    longwave: Longwave, tiny: list[str], work: Path
) -> None:
    (work / "mine.json").write_text(longwave("train", *tiny, "--show").out)
    longwave("train", "mine.json")
    assert (work / "runs" / "mine" / "result.json").is_file()


def test_the_record_of_a_run_repeats_it(longwave: Longwave, tiny: list[str], work: Path) -> None:
    longwave("train", *tiny, "--out", "first")
    longwave("train", "first/run.json", "--out", "second")
    assert _steps(work / "first") == _steps(work / "second")


def test_ctrl_c_exits_130(
    longwave: Longwave, tiny: list[str], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longwave.cli._train.describe_step", lambda _: signal.raise_signal(signal.SIGINT))
    ran = longwave("train", *tiny, "--out", "run")
    assert (ran.code, "Interrupted. Finished work is kept" in ran.err) == (130, True)


def test_a_run_that_ctrl_c_ended_goes_on_where_it_was(
    longwave: Longwave, tiny: list[str], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("longwave.cli._train.describe_step", lambda _: signal.raise_signal(signal.SIGINT))
        longwave("train", *tiny, "--out", "run")
    assert "done, resumed at step 1, 4 steps" in longwave("train", *tiny, "--out", "run").out


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make the disk full at the second checkpoint; call what is returned to free it."""
    real, written = checkpoints.save_file, []

    def save_file(tensors: object, path: Path) -> None:
        written.append(path)
        if len(written) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(tensors, path)

    monkeypatch.setattr(checkpoints, "save_file", save_file)
    return lambda: monkeypatch.setattr(checkpoints, "save_file", real)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_exits_1(longwave: Longwave, tiny: list[str], work: Path) -> None:
    ran = longwave("train", *tiny, "--out", "run")
    assert (ran.code, "No space left on device" in ran.err) == (1, True)


def test_a_full_disk_costs_nothing_that_was_finished(
    longwave: Longwave, tiny: list[str], work: Path, full_disk: Callable[[], None]
) -> None:
    longwave("train", *tiny, "--out", "run")
    full_disk()
    assert "done, resumed at step 2, 4 steps" in longwave("train", *tiny, "--out", "run").out


def test_a_damaged_checkpoint_costs_the_steps_after_the_one_before(
    longwave: Longwave, tiny: list[str], work: Path
) -> None:
    longwave("train", *tiny, "--out", "run")
    (work / "run" / "result.json").unlink()
    (work / "run" / "checkpoints" / "step-00000004" / "model.safetensors").write_bytes(b"damaged")
    assert "resumed at step 2" in longwave("train", *tiny, "--out", "run").out


def test_checkpoints_that_are_all_damaged_are_refused(
    longwave: Longwave, tiny: list[str], work: Path
) -> None:
    longwave("train", *tiny, "--out", "run")
    (work / "run" / "result.json").unlink()
    for path in (work / "run" / "checkpoints").glob("*/model.safetensors"):
        path.write_bytes(b"damaged")
    ran = longwave("train", *tiny, "--out", "run")
    assert (ran.code, "None of the 2 checkpoints" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["nope"], 'Unknown recipe "nope"', id="recipe"),
        pytest.param(["quickstart-hyna"], 'Did you mean "quickstart-hyena"', id="recipe-typo"),
        pytest.param(["missing.yaml"], 'No configuration file "missing.yaml"', id="missing-file"),
        pytest.param(["quickstart-hyena", "stepz=3"], 'Did you mean "steps"', id="unknown-key"),
        pytest.param(["quickstart-hyena", "model.orderr=3"], 'Unknown key "orderr"', id="unknown-inner-key"),
        pytest.param(["quickstart-hyena", "steps=many"], '"steps"', id="wrong-type"),
        pytest.param(["quickstart-hyena", "steps"], '"steps" is not a setting', id="override-syntax"),
        pytest.param(["quickstart-hyena", "steps=[1"], "cannot be read", id="override-value"),
        pytest.param(["quickstart-hyena", "steps=0"], '"steps" is 0', id="out-of-range"),
        pytest.param(["quickstart-hyena", "device=gpu"], 'device is "gpu"', id="device"),
        pytest.param(["quickstart-hyena", "model.mixer=nope"], "nope", id="mixer"),
        pytest.param(["quickstart-hyena", "data.path=no.txt"], 'No text at "no.txt"', id="missing-text"),
        pytest.param(["recall-hyena", "data.lenght=9"], 'Did you mean "length"', id="task-option"),
        pytest.param(["recall-hyena", "model.vocab_size=9"], "needs 10", id="task-vocabulary"),
    ],
)
def test_a_mistake_exits_2_with_one_line(
    words: list[str], message: str, longwave: Longwave, work: Path
) -> None:
    ran = longwave("--quiet", "train", *words, "--out", "run")
    assert (ran.code, ran.out, ran.err.count("\n"), message in ran.err) == (2, "", 1, True)


def test_an_unknown_key_of_a_file_is_named_with_its_line(longwave: Longwave, work: Path) -> None:
    (work / "mine.yaml").write_text("steps: 3\nmodel:\n  d_modle: 16\n")
    ran = longwave("train", "mine.yaml")
    assert (ran.code, '("mine.yaml", line 3)' in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "", id="empty"),
        pytest.param(b"caf\xe9 " * 500, "UTF-8", id="latin-1"),
        pytest.param(b"short", "", id="shorter-than-a-window"),
    ],
)
def test_text_that_cannot_be_trained_on_exits_2(
    content: bytes, message: str, longwave: Longwave, tiny: list[str], source: Path, work: Path
) -> None:
    source.write_bytes(content)
    ran = longwave("--quiet", "train", *tiny, "--out", "run")
    assert (ran.code, ran.err.count("\n"), message in ran.err) == (2, 1, True)


def test_another_configuration_in_the_same_folder_is_refused(
    longwave: Longwave, tiny: list[str], work: Path
) -> None:
    longwave("train", *tiny, "--out", "run")
    ran = longwave("train", *tiny, "seed=1", "--out", "run")
    assert (ran.code, "seed is 0 there and 1 here" in ran.err) == (2, True)


@pytest.fixture
def tiny_task() -> list[str]:
    """Return the words after ``longwave train`` that make a run of four steps on a task."""
    sizes = ["model.d_model=8", "model.n_layers=1", "data.length=6", "data.n_train=20", "data.n_test=10"]
    return ["recall-hyena", *sizes, "steps=4", "batch_size=4", "eval_every=2"]


def test_a_run_on_a_task_ends_with_accuracy_and_floors(
    longwave: Longwave, tiny_task: list[str], work: Path
) -> None:
    out = longwave("train", *tiny_task, "--out", "run").out
    assert re.fullmatch(
        r"run: done, 4 steps, \d+\.\d % right on unseen sequences \(95 % interval \d+\.\d to \d+\.\d; "
        r"floors: uniform 25\.0, majority answer \d+\.\d, majority value \d+\.\d\)\n",
        out,
    )


def test_json_of_a_run_on_a_task_holds_its_evaluation(
    longwave: Longwave, tiny_task: list[str], work: Path
) -> None:
    evaluation = longwave("train", *tiny_task, "--out", "run", "--json").json["evaluation"]
    assert evaluation["floor_uniform"] == 0.25


def test_the_model_follows_the_task_it_is_given(longwave: Longwave, tiny_task: list[str], work: Path) -> None:
    shown = longwave("train", *tiny_task, "data.vocab_size=20", "--show").json
    assert (shown["data"]["options"]["vocab_size"], shown["model"]["vocab_size"]) == (20, 20)


@pytest.mark.parametrize(("rank", "lines"), [("0", 1), ("1", 0)], ids=["first", "second"])
def test_of_many_processes_the_first_one_tells_the_result(
    rank: str, lines: int, longwave: Longwave, tiny: list[str], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = TrainResult(
        folder=work, step=4, tokens=9, elapsed_s=1.0, validation_loss=None, validation_bits_per_byte=None
    )
    monkeypatch.setattr("longwave.training.train", lambda *_, **__: done)
    monkeypatch.setenv("RANK", rank)
    ran = longwave("train", *tiny, "distributed=ddp", "--out", "run")
    assert (ran.code, ran.out.count("\n")) == (0, lines)
