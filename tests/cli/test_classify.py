"""``longwave train`` on images and ``longwave classify``, end to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from longwave.predictions import read_predictions

Longwave = Callable[..., object]
TINY = ("data.n_train=40", "data.n_test=12", "steps=4", "batch_size=8", "device=cpu")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty folder the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(longwave: Longwave, work: Path) -> str:
    """Train for a moment."""
    ran = longwave("train", "s4nd-tiny", *TINY, "--out", "run")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("run: done, 4 steps, ")
    assert "samples/s" in ran.err
    return "run"


def test_resolutions_stand_beside_each_other(longwave: Longwave, run: str) -> None:
    ran = longwave("classify", run, f"mine={run}", "--out", "out", "--resolution", "14", "--device", "cpu")
    assert ran.code == 0, ran.err
    rows = read_predictions("out")
    assert set(rows["model"]) == {"s4nd-isotropic", "mine"}
    assert set(rows["perturbation"]) == {None, "resolution-14", "shrunk-14"}
    cells = [line.split() for line in ran.out.splitlines()[1:]]
    assert [row[1] for row in cells] == ["s4nd-isotropic"] * 3 + ["mine"] * 3
    assert [row[4:7] for row in cells] == [["7", "7", "7"], ["7", "14", "14"], ["7", "14", "7"]] * 2


def test_json_is_one_document(longwave: Longwave, run: str) -> None:
    found = longwave(
        "classify", run, "--out", "out", "--resolution", "14", "--no-shrink", "--bandlimit", "none", "--json"
    ).json
    assert [(row["model"], row["resolution"], row["shown_at"]) for row in found] == [
        ("s4nd-isotropic-no-bandlimit", 7, 7), ("s4nd-isotropic-no-bandlimit", 14, 14),
    ]  # fmt: skip
    assert all(0 <= row["accuracy"] <= 1 and row["parameters"] > 10_000 for row in found)


def test_a_resolution_the_source_has_not_got_is_told(longwave: Longwave, run: str) -> None:
    ran = longwave("classify", run, "--out", "out", "--resolution", "56")
    assert (ran.code, "fewer than 56" in ran.err) == (2, True)


def test_a_wrong_bandlimit_is_told(longwave: Longwave, work: Path) -> None:
    ran = longwave("classify", "run", "--out", "out", "--bandlimit", "much")
    assert (ran.code, 'accepted are "model", "none"' in ran.err) == (2, True)


def test_a_folder_without_a_run_is_named(longwave: Longwave, work: Path) -> None:
    ran = longwave("classify", "nowhere", "--out", "out")
    assert (ran.code, "holds no run" in ran.err) == (2, True)


def test_a_resolution_the_model_cannot_read_is_told(longwave: Longwave, work: Path) -> None:
    small = (
        "model.trunk.depths=[1,1]", "model.trunk.widths=[4,4]", "model.trunk.patch=2",
        "model.trunk.drop_path=0.0", "data=mnist", *TINY,
    )  # fmt: skip
    ran = longwave("train", "convnext-imagenet", *small, "data.size=28", "precision=float32", "--out", "run")
    assert ran.code == 0, ran.err
    ran = longwave("classify", "run", "--out", "out", "--resolution", "2", "--device", "cpu")
    assert "too small" in ran.err
    assert ran.out.splitlines()[-1].split()[-2] == "-"
