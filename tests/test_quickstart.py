"""The tour, at a tiny size: its course, what it refuses, and that it survives an end at any moment."""

from __future__ import annotations

import errno
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from longwave.cli import _quickstart, main
from longwave.errors import ConfigError
from longwave.predictions import KEY, read_predictions
from longwave.quickstart import QuickstartConfig
from longwave.quickstart.twins import PROMPTS

SCRIPT = Path(__file__).with_name("_tiny_tour.py")
_spec = importlib.util.spec_from_file_location("tiny_tour", SCRIPT)
tiny_tour = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny_tour)

TIMES = ("training_s", "tokens_per_s", "equal_s", "bits_per_byte_at_equal_time")
STAGES = {
    name: place
    for place, name in enumerate(
        (
            "plan",
            "train hyena",
            "train attention",
            "generate",
            "evaluate",
            "votes",
            "legal",
            "monitor",
            "groups",
            "report",
        ),
        start=1,
    )
}
PAGES = {
    "train": "index.html",
    "evaluate": "index.html",
    "votes": "votes.html",
    "legal": "taxonomy.html",
    "monitor": "monitoring.html",
    "groups": "groups.html",
}


@dataclass(frozen=True)
class Tour:
    """What a tour left."""

    code: int
    out: Path
    stdout: str
    stderr: str

    @property
    def summary(self) -> dict[str, object]:
        return json.loads((self.out / "summary.json").read_text("utf-8"))

    @property
    def result(self) -> dict[str, object]:
        """Everything in the folder that does not depend on the machine's speed."""
        figures = dict(self.summary["figures"])
        figures["train"] = {
            name: {key: value for key, value in values.items() if key not in TIMES}
            for name, values in figures["train"].items()
        }
        rows = read_predictions(self.out).drop("latency_s", "run").sort(KEY).to_dicts()
        pages = sorted(str(path.relative_to(self.out)) for path in (self.out / "report").rglob("*.html"))
        samples = json.loads((self.out / "samples.json").read_text("utf-8"))
        return {"figures": figures, "rows": rows, "pages": pages, "samples": samples}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute as a killed process does: sums may depend on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_tour.write_text(tmp_path_factory.mktemp("text") / "text.txt")


@pytest.fixture
def small(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every tour small."""
    tiny_tour.shrink(monkeypatch.setattr, text)


@pytest.fixture
def tour(small: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., Tour]:
    """Return a function that takes the tour in a folder."""

    def take(out: Path, *words: object) -> Tour:
        code = main([*tiny_tour.WORDS, "--out", str(out), *map(str, words)])
        return Tour(code, out, *capsys.readouterr())

    return take


@pytest.fixture(scope="module")
def done(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Tour:
    """Return a finished tour; its folder is not to be written to."""
    with pytest.MonkeyPatch.context() as patch:
        tiny_tour.shrink(patch.setattr, text)
        out = tmp_path_factory.mktemp("done") / "tour"
        return Tour(main([*tiny_tour.WORDS, "--out", str(out)]), out, "", "")


@pytest.fixture(scope="module")
def again(done: Tour, text: Path, tmp_path_factory: pytest.TempPathFactory) -> Tour:
    """Return what a second call in the folder of a finished tour says and leaves."""
    out = Path(shutil.copytree(done.out, tmp_path_factory.mktemp("again") / "tour"))
    told = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(told[0]), redirect_stderr(told[1]):
        tiny_tour.shrink(patch.setattr, text)
        code = main([*tiny_tour.WORDS, "--out", str(out)])
    return Tour(code, out, told[0].getvalue(), told[1].getvalue())


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the report out, which takes longest."""
    monkeypatch.setattr("longwave.report.build_report", lambda out, **_: out / "report" / "index.html")


@pytest.fixture
def copied(done: Tour, tmp_path: Path) -> Path:
    """Return the folder of a finished tour to write into."""
    return Path(shutil.copytree(done.out, tmp_path / "tour"))


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, BaseException], Callable[[], None]]:
    """Return a function that ends the tour inside a stage, which returns one that takes the obstacle away."""

    def stop_in(stage: str, error: BaseException) -> Callable[[], None]:
        patch = pytest.MonkeyPatch()
        show, calls = _quickstart._StageBars.progress, [0]

        def progress(bars: _quickstart._StageBars, done: int, total: int, words: str) -> None:
            show(bars, done, total, words)
            calls[0] += bars.count == STAGES[stage]
            if bars.count == STAGES[stage] and calls[0] == 2:
                raise error

        def fail(*_: object) -> None:
            raise error

        if stage == "plan":
            patch.setattr("longwave.training.measure_step_s", fail)
        elif stage == "report":
            patch.setattr("longwave.report.build._remove_stale", fail)
        else:
            patch.setattr(_quickstart._StageBars, "progress", progress)
        patches.append(patch)
        return patch.undo

    patches: list[pytest.MonkeyPatch] = []
    yield stop_in
    for patch in patches:
        patch.undo()


def test_it_ends_with_what_was_learned_in_each_stage_and_where_the_report_is(again: Tour) -> None:
    head, *lines, report = again.stdout.splitlines()
    told = {line.split()[0]: line.split()[1] for line in lines}
    assert (head.split()[0], told, report) == ("stage", PAGES, f"Report: {again.out}/report/index.html")


def test_every_page_that_is_named_is_there_and_leads_from_the_first_one(done: Tour) -> None:
    first = (done.out / "report" / "index.html").read_text("utf-8")
    named = {lesson["page"] for lesson in done.summary["lessons"]} - {"index.html"}
    assert {
        page for page in named if f'href="{page}"' in first and (done.out / "report" / page).is_file()
    } == named


def test_the_lesson_of_training_names_both_scores_the_tokens_and_the_floor(done: Tour) -> None:
    scores = {name: values["bits_per_byte"] for name, values in done.result["figures"]["train"].items()}
    assert done.summary["lessons"][0]["text"] == (
        f"hyena {scores['hyena']:.2f}, attention {scores['attention']:.2f} bits per byte on a book "
        "neither model has seen, after 0.01 M tokens each (bzip2 needs 2.60; lower is better)."
    )


def test_the_votes_of_both_models_are_aggregated(done: Tour) -> None:
    asked = {(row["model"], row["prompt"]) for row in done.result["rows"] if row["scenario"] == "blimp@1"}
    prompts = [*(f"ama-{place}" for place in range(1, 6)), "majority", "label-model"]
    assert asked >= {(name, prompt) for name in ("hyena", "attention") for prompt in prompts}


def test_figures_of_votes_are_those_of_the_rows(done: Tour) -> None:
    rows = [
        row["score"]
        for row in done.result["rows"]
        if (row["scenario"], row["model"], row["prompt"]) == ("blimp@1", "hyena", "label-model")
    ]
    assert done.summary["figures"]["votes"]["hyena"]["label-model"] == pytest.approx(sum(rows) / len(rows))


def test_a_program_answers_the_legal_task_that_it_knows(done: Tour) -> None:
    rows = [row for row in done.result["rows"] if row["model"] == "rule:diversity"]
    assert {(row["scenario"], row["correct"]) for row in rows} == {("legalbench/diversity_1@1", True)}


def test_both_models_are_asked_of_law(done: Tour) -> None:
    asked = {row["model"] for row in done.result["rows"] if "legalbench" in row["scenario"]}
    assert asked >= {"hyena", "attention"}


def test_snapshots_are_compared_by_their_rows(done: Tour) -> None:
    rows = [row for row in done.result["rows"] if row["model"] == "openai_gpt-4"]
    by_date = {
        date: [row["score"] for row in rows if row["date"] == date] for date in ("2023-03-01", "2023-06-13")
    }
    step = next(one for one in done.summary["figures"]["monitor"]["steps"] if one["api"] == "openai_gpt-4")
    shares = [sum(scores) / len(scores) for scores in by_date.values()]
    assert [step["accuracy_before"], step["accuracy_after"]] == pytest.approx(shares)


@pytest.mark.parametrize("method", ["majority", "label model"])
def test_aggregated_services_are_rows_that_cost_what_their_voters_cost(method: str, done: Tour) -> None:
    rows = [row for row in done.result["rows"] if row["model"] == f"{method} of 4 services"]
    figures = done.summary["figures"]["monitor"]["services"]
    assert sum(row["correct"] for row in rows) / figures["n"] == pytest.approx(figures["accuracy"][method])
    assert {round(row["cost_usd"], 9) for row in rows} == {round((8 + 7 + 9 + 6) / 10_000, 9)}


@pytest.mark.parametrize("method", ["zero-shot", "erm", "contrastive"])
def test_worst_groups_are_those_of_the_rows(method: str, done: Tour) -> None:
    rows = [
        row
        for row in done.result["rows"]
        if (row["scenario"], row["model"]) == ("groups:captionbirds", method)
    ]
    groups = {row["group"] for row in rows}
    shares = [
        sum(row["correct"] for row in rows if row["group"] == group)
        / sum(row["group"] == group for row in rows)
        for group in groups
    ]
    assert done.summary["figures"]["groups"][method]["worst"] == pytest.approx(min(shares))


def test_every_stage_is_announced(again: Tour) -> None:
    announced = [line.partition("]")[0] for line in again.stderr.splitlines() if line.startswith("[")]
    assert announced == [f"[{number}" for number in STAGES.values()]


def test_a_second_call_says_what_was_there_before(again: Tour) -> None:
    told = ("hyena was trained before", "attention was trained before", "samples were written before")
    found = [words in again.stderr for words in told], again.stderr.count("this was done before")
    assert found == ([True] * 3, 5)


def test_a_second_call_changes_nothing(again: Tour, done: Tour) -> None:
    assert again.result == done.result


@pytest.mark.usefixtures("no_report")
def test_json_is_one_document(tour: Callable[..., Tour], copied: Path) -> None:
    assert json.loads(tour(copied, "--json").stdout).keys() == {"report", "lessons", "stages_s", "figures"}


@pytest.mark.usefixtures("no_report")
def test_quiet_prints_the_lessons_and_the_report(
    copied: Path, small: None, capsys: pytest.CaptureFixture[str], done: Tour
) -> None:
    main(["--quiet", *tiny_tour.WORDS, "--out", str(copied)])
    found = capsys.readouterr()
    assert (found.out.count("\n"), found.err) == (len(PAGES) + 2, "")


@pytest.mark.usefixtures("no_report")
def test_open_hands_the_report_to_the_browser(
    tour: Callable[..., Tour], copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", opened.append)
    tour(copied, "--open")
    assert opened == [(copied / "report" / "index.html").resolve().as_uri()]


def test_both_models_are_named_alike_everywhere(done: Tour) -> None:
    result = done.result
    asked = {row["model"] for row in result["rows"] if row["scenario"] == "openbookqa@1"}
    folders = {path.name for path in (done.out / "models").iterdir()}
    named = (
        folders,
        set(result["samples"]),
        set(result["figures"]["train"]),
        asked - {"floor:random", "floor:majority"},
    )
    assert named == ({"hyena", "attention"},) * 4


def test_both_models_continue_the_same_prompts(done: Tour) -> None:
    prompts = {name: [one["prompt"] for one in texts] for name, texts in done.result["samples"].items()}
    assert prompts == {"hyena": list(PROMPTS), "attention": list(PROMPTS)}


def test_both_models_see_the_same_tokens(done: Tour) -> None:
    assert {values["tokens"] for values in done.result["figures"]["train"].values()} == {
        tiny_tour.STEPS * 2 * 128
    }


def test_both_models_are_asked_clean_and_with_typing_errors(done: Tour) -> None:
    asked = {(row["model"], row["perturbation"]) for row in done.result["rows"]}
    assert asked >= {(name, edit) for name in ("hyena", "attention") for edit in (None, "typos")}


def test_the_same_seed_gives_the_same_figures_without_a_network(
    tour: Callable[..., Tour], tmp_path: Path, done: Tour, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))

    monkeypatch.setattr(socket, "socket", refuse)
    assert tour(tmp_path / "tour").result == done.result


def test_another_seed_gives_another_model(
    tour: Callable[..., Tour], tmp_path: Path, done: Tour, stop: Callable[..., object]
) -> None:
    stop("train attention", KeyboardInterrupt())
    tour(tmp_path, "--seed", 1)
    weights = [folder / "models" / "hyena" / "model" / "model.safetensors" for folder in (tmp_path, done.out)]
    assert weights[0].read_bytes() != weights[1].read_bytes()


@pytest.mark.parametrize("words", [("--seed", 1), ("--minutes", 2)], ids=["seed", "minutes"])
def test_other_settings_in_the_same_folder_are_refused(
    words: tuple[object, ...], tour: Callable[..., Tour], copied: Path
) -> None:
    found = tour(copied, *words)
    assert (found.code, found.stdout, "choose another folder with --out" in found.stderr) == (2, "", True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("--minutes", 0), '"minutes" is 0.0', id="no-minutes"),
        pytest.param(("--minutes", "nan"), '"minutes" is nan', id="nan-minutes"),
        pytest.param(("--minutes", 100_000), '"minutes" is 100000.0', id="too-many-minutes"),
        pytest.param(("--seed", -1), '"seed" is -1', id="negative-seed"),
        pytest.param(("--minutes", "five"), "--minutes", id="no-number"),
    ],
)
def test_settings_that_make_no_sense_are_refused_before_anything_is_written(
    words: tuple[object, ...], message: str, tour: Callable[..., Tour], tmp_path: Path
) -> None:
    found = tour(tmp_path / "tour", *words)
    assert (found.code, message in found.stderr, found.out.exists()) == (2, True, False)


def test_settings_of_the_library_are_checked_too() -> None:
    with pytest.raises(ConfigError, match='"minutes" is 0'):
        QuickstartConfig(minutes=0)


def test_a_folder_with_something_else_is_refused(tour: Callable[..., Tour], tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    found = tour(tmp_path)
    assert (found.code, "is not empty and holds no quickstart" in found.stderr) == (2, True)


def test_the_folder_of_a_training_run_is_refused(tour: Callable[..., Tour], copied: Path) -> None:
    found = tour(copied / "models" / "hyena")
    assert (found.code, "holds a train with" in found.stderr) == (2, True)


def test_a_file_is_refused(tour: Callable[..., Tour], text: Path) -> None:
    found = tour(text)
    assert (found.code, "is a file" in found.stderr) == (2, True)


def test_what_a_killed_first_write_left_is_no_foreign_file(
    tour: Callable[..., Tour], tmp_path: Path, stop: Callable[..., object]
) -> None:
    (tmp_path / "run.json.tmp").write_text("{")
    stop("plan", KeyboardInterrupt())
    assert tour(tmp_path).code == 130


def test_the_plan_decides_the_steps(
    tour: Callable[..., Tour], tmp_path: Path, stop: Callable[..., Callable[[], None]]
) -> None:
    proceed = stop("plan", KeyboardInterrupt())
    tour(tmp_path)
    proceed()
    (tmp_path / "plan.json").write_text('{"steps": 7}')
    stop("evaluate", KeyboardInterrupt())
    tour(tmp_path)
    records = [json.loads(path.read_text()) for path in tmp_path.glob("models/*/result.json")]
    assert [record["step"] for record in records] == [7, 7]


@pytest.mark.parametrize(
    ("minutes", "step_s", "steps"),
    [(1, 0.1, 150), (4, 0.1, 600), (0.1, 10.0, 20)],
    ids=["quarter", "more-time", "at-least-20"],
)
def test_a_quarter_of_the_time_goes_into_each_model(
    minutes: float,
    step_s: float,
    steps: int,
    tour: Callable[..., Tour],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    slower = {"hyena": step_s, "attention": step_s / 2}
    monkeypatch.setattr("longwave.training.measure_step_s", lambda config: slower[config.model.mixer])
    monkeypatch.setattr("longwave.training.train", interrupt)
    tour(tmp_path, "--minutes", minutes)
    assert json.loads((tmp_path / "plan.json").read_text())["steps"] == steps


@pytest.mark.slow
def test_ctrl_c_in_every_stage_exits_130_and_the_tour_ends_as_if_nothing_had_been(
    tour: Callable[..., Tour], tmp_path: Path, done: Tour, stop: Callable[..., Callable[[], None]]
) -> None:
    found = []
    for stage in STAGES:
        proceed = stop(stage, KeyboardInterrupt())
        found.append(tour(tmp_path))
        proceed()
    ends = {(one.code, one.stderr.splitlines()[-1][:12]) for one in found}
    assert (ends, (tour(tmp_path).code, Tour(0, tmp_path, "", "").result)) == (
        {(130, "Interrupted.")},
        (0, done.result),
    )


@pytest.mark.slow
def test_a_full_disk_exits_1_and_the_next_call_ends_as_if_nothing_had_been(
    tour: Callable[..., Tour], tmp_path: Path, done: Tour, stop: Callable[..., Callable[[], None]]
) -> None:
    found = []
    for stage in ("train attention", "generate", "evaluate", "votes", "legal", "monitor", "groups"):
        proceed = stop(stage, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        found.append(tour(tmp_path))
        proceed()
    ends = {(one.code, "No space left on device" in one.stderr.splitlines()[-1]) for one in found}
    assert (ends, (tour(tmp_path).code, Tour(0, tmp_path, "", "").result)) == (
        {(1, True)},
        (0, done.result),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "call"),
    [
        ("train hyena", 3),
        ("train attention", 4),
        ("evaluate", 2),
        ("votes", 3),
        ("legal", 2),
        ("monitor", 4),
        ("groups", 2),
    ],
)
def test_a_killed_tour_ends_as_if_nothing_had_been(
    stage: str, call: int, tour: Callable[..., Tour], tmp_path: Path, text: Path, done: Tour
) -> None:
    words = [tmp_path / "tour", text, STAGES[stage], call]
    killed = subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert tour(tmp_path / "tour").result == done.result
