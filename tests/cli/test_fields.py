"""``longwave train`` on fields, ``longwave fields`` and the report of both, end to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from longwave.predictions import read_predictions

Longwave = Callable[..., object]
TINY = (
    "data.n_train=10",
    "data.n_test=4",
    "data.resolution=16",
    "data.horizon=0.2",
    "batch_size=5",
    "epochs=2",
)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty folder the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def runs(longwave: Longwave, work: Path) -> list[str]:
    """Train a T1 and an FNO for a moment."""
    for name in ("t1", "fno"):
        ran = longwave("train", f"{name}-tiny", *TINY, "--out", name)
        assert ran.code == 0, ran.err
    return ["t1", "fno"]


def test_training_tells_what_modes_lose_and_ends_with_errors(
    longwave: Longwave, work: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ran = longwave("train", "t1-tiny", *TINY, "--out", "run")
    assert ran.code == 0
    assert 'modes in the basis "rfft" lose' in caplog.text
    assert "samples/s" in ran.err
    assert ran.out.startswith("run: done, 4 steps, relative L2 error ")
    assert "floors: mean field" in ran.out
    assert "its modes lose" in ran.out


def test_quiet_training_prints_the_result_only(longwave: Longwave, work: Path) -> None:
    ran = longwave("--quiet", "train", "fno-tiny", *TINY, "--out", "run")
    assert (ran.err, ran.out.count("\n")) == ("", 1)


def test_operators_stand_beside_each_other(longwave: Longwave, runs: list[str]) -> None:
    ran = longwave("fields", runs[0], f"mine={runs[1]}", "--out", "out", "--resolution", "32")
    assert ran.code == 0, ran.err
    rows = read_predictions("out")
    assert set(rows["model"]) == {"t1-rfft", "mine", "floor:mean field", "floor:unchanged"}
    assert set(rows["perturbation"]) == {None, "resolution-32"}
    assert [line.split()[:2] for line in ran.out.splitlines()[1:]] == [
        ["pde:navier_stokes_1e-3", "t1-rfft"],
        ["pde:navier_stokes_1e-3", "t1-rfft"],
        ["pde:navier_stokes_1e-3", "mine"],
        ["pde:navier_stokes_1e-3", "mine"],
    ]
    assert longwave("report", "out").code == 0
    assert (Path("out") / "report" / "fields.html").is_file()


def test_json_is_one_document(longwave: Longwave, runs: list[str]) -> None:
    found = longwave("fields", *runs, "--out", "out", "--json").json
    assert [row["model"] for row in found] == ["t1-rfft", "fno"]
    assert all(row["relative_l2"] > 0 for row in found)


def test_a_grid_that_cannot_be_read_is_told(longwave: Longwave, runs: list[str]) -> None:
    ran = longwave("fields", runs[0], "--out", "out", "--resolution", "8")
    assert "modes" in ran.err
    assert ran.out.splitlines()[-1].split()[4] == "-"


def test_a_folder_without_a_run_is_named(longwave: Longwave, work: Path) -> None:
    ran = longwave("fields", "nowhere", "--out", "out")
    assert (ran.code, "holds no run" in ran.err) == (2, True)
