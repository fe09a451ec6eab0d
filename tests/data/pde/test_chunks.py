"""Simulated samples on disk: made once, made again when damaged, and finished after a kill."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from longwave.data.pde import Channel, chunks
from longwave.data.pde.chunks import CHUNK, simulate, simulation_hash
from longwave.errors import ConfigError, StorageError

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A simulation whose samples are their keys."""

    version: ClassVar[int] = 1
    is_periodic: ClassVar[bool] = True
    drawn: ClassVar[list[int]] = []

    n_train: int = 2 * CHUNK + 5
    n_test: int = 3
    seed: int = 9
    scale: float = 1.0
    points: ClassVar[int] = 4

    def channels(self):
        return (Channel(name="key"),), (Channel(name="twice"),)

    def draw(self, keys, device):
        self.drawn.append(len(keys))
        numbers = torch.tensor([[100 * split + i] for _, split, i in keys], dtype=torch.float64)
        field = numbers[:, None].expand(-1, 1, 4).to(device)
        return field, 2 * self.scale * field


@pytest.fixture(autouse=True)
def _forget() -> None:
    Numbers.drawn.clear()


def test_every_sample_has_its_own_key_and_chunks_join_in_order(tmp_path: Path) -> None:
    train, test = simulate(Numbers(), tmp_path, device=CPU)
    assert train.inputs[:, 0, 0].tolist() == list(range(2 * CHUNK + 5))
    assert test.targets[:, 0, 3].tolist() == [200, 202, 204]
    assert (train.inputs.dtype, train.inputs.shape) == (torch.float32, (2 * CHUNK + 5, 1, 4))
    assert Numbers.drawn == [CHUNK, CHUNK, 5, 3]


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    first = simulate(Numbers(), tmp_path, device=CPU)
    Numbers.drawn.clear()
    again = simulate(Numbers(), tmp_path, device=CPU)
    assert Numbers.drawn == []
    assert torch.equal(first[0].targets, again[0].targets)


def test_more_samples_add_to_those_there_are(tmp_path: Path) -> None:
    simulate(Numbers(), tmp_path, device=CPU)
    Numbers.drawn.clear()
    train, test = simulate(Numbers(n_train=3 * CHUNK, n_test=2), tmp_path, device=CPU)
    assert Numbers.drawn == [CHUNK]  # the last file was too short; the others serve
    assert (len(train), len(test)) == (3 * CHUNK, 2)


def test_chunks_that_are_made_together_are_those_made_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = simulate(Numbers(), tmp_path / "alone", device=CPU)
    Numbers.drawn.clear()
    monkeypatch.setattr(chunks, "_at_once", lambda *_: 3)
    simulate(Numbers(), tmp_path / "together", device=CPU)
    again = simulate(Numbers(), tmp_path / "together", device=CPU)
    assert Numbers.drawn == [2 * CHUNK + 5, 3]
    assert torch.equal(again[0].targets, alone[0].targets)


def test_progress_counts_samples_and_begins_with_those_there_were(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        simulate(Numbers(), tmp_path, device=CPU, progress=lambda *now: seen.append(now))
    total = 2 * CHUNK + 8
    assert seen == [(0, total), (20, total), (40, total), (45, total), (48, total), (48, total)]


@pytest.mark.parametrize("damage", [b"", b"no tensors", None], ids=["empty", "other", "cut"])
def test_a_damaged_file_is_made_again(
    tmp_path: Path, damage: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    simulate(Numbers(), tmp_path, device=CPU)
    Numbers.drawn.clear()
    path = tmp_path / f"train-{CHUNK:06d}.safetensors"
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    with caplog.at_level(logging.WARNING):
        train, _ = simulate(Numbers(), tmp_path, device=CPU)
    assert (Numbers.drawn, len(caplog.records)) == ([CHUNK], 1)
    assert train.inputs[CHUNK, 0, 0] == CHUNK


def test_the_hash_follows_settings_and_solver_but_not_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = simulation_hash(Numbers())
    assert simulation_hash(Numbers(n_train=1, n_test=1)) == plain
    others = {simulation_hash(Numbers(seed=1)), simulation_hash(Numbers(scale=2.0))}
    monkeypatch.setattr(Numbers, "version", 2)
    assert len({plain, *others, simulation_hash(Numbers())}) == 4


def test_a_folder_says_what_it_holds(tmp_path: Path) -> None:
    simulate(Numbers(), tmp_path, device=CPU)
    about = json.loads((tmp_path / "about.json").read_text("utf-8"))
    assert (about["simulation"], about["config"]["seed"], about["targets"][0]["name"]) == (
        "Numbers",
        9,
        "twice",
    )


def test_old_unfinished_files_are_swept_and_new_ones_left(tmp_path: Path) -> None:
    old, new = tmp_path / "train-000000.safetensors.tmp-1", tmp_path / "train-000000.safetensors.tmp-2"
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (1, 1))
    simulate(Numbers(), tmp_path, device=CPU)
    assert (old.exists(), new.exists()) == (False, True)


def test_blow_up_names_the_split_and_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(self, keys, device):
        raise ConfigError("Sample 2 is lost.")

    monkeypatch.setattr(Numbers, "draw", draw)
    with pytest.raises(ConfigError, match=r"In a batch from train sample 0 on: Sample 2 is lost\."):
        simulate(Numbers(), tmp_path, device=CPU)


def test_a_full_disk_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(tensors, path):
        if "000020" in path.name:
            raise OSError(28, "No space left on device")
        real(tensors, path)

    real = chunks.save_file
    monkeypatch.setattr(chunks, "save_file", save)
    with pytest.raises(StorageError, match=r"No space left .* finished samples are kept"):
        simulate(Numbers(), tmp_path, device=CPU)
    assert sorted(path.name for path in tmp_path.glob("*.s*")) == ["train-000000.safetensors"]


KILLED = """
import sys
from longwave.data.pde import BurgersConfig, make_pde_data
config = BurgersConfig(n_train=100, n_test=20, resolution=64, dt=5e-3)
make_pde_data("burgers", config, sys.argv[1], progress=lambda done, total: print(done, flush=True))
"""


@pytest.mark.slow
def test_after_a_kill_the_rest_is_made_and_all_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    from longwave.data.pde import BurgersConfig, make_pde_data

    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "killed")], stdout=subprocess.PIPE, text=True
    )
    while int(process.stdout.readline()) < 40:
        pass
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    seen = []
    config = BurgersConfig(n_train=100, n_test=20, resolution=64, dt=5e-3)
    resumed = make_pde_data("burgers", config, tmp_path / "killed", progress=lambda *now: seen.append(now))
    assert seen[0][0] >= 40
    whole = make_pde_data("burgers", config, tmp_path / "whole")
    assert resumed.hash == whole.hash
    assert torch.allclose(resumed.train.targets, whole.train.targets, rtol=0, atol=1e-7)
    assert torch.equal(resumed.test.inputs, whole.test.inputs)
