"""Many points: no method keeps more than one further copy of the embeddings, nor N x C numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from longwave.adapters import DescentConfig, EmbeddingDataset, ERMAdapter, ZeroShot, embeddings
from longwave.adapters.embeddings import check_embeddings, nearest_rows, row_blocks, unit_rows
from longwave.adapters.sampling import Cells, resample
from longwave.errors import DataError

# peak of the memory that no file backs, so that pages of the mapped embeddings do not count
_FIT = """
import ctypes, json, sys, threading
from pathlib import Path
import numpy as np
import torch
from longwave.adapters import ContrastiveConfig, DescentConfig, embeddings, make_method, neighbours

def now():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

torch.set_num_threads(1)
embeddings._BLOCK_VALUES = neighbours._BLOCK_VALUES = 1 << 20
neighbours._TABLE_VALUES = 0
folder = Path(sys.argv[1])
x, y, q = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("x", "y", "q"))
validation = np.array(x[:500]), np.array(y[:500]), np.array(y[:500])
descent = DescentConfig(epochs=2, batch_size=512)
contrast = ContrastiveConfig(positives=8, negatives=8, neighbours=16, group_size=1, anchor_ratio=1e-3)
warm = make_method("erm", device="cpu", descent=descent)
warm.fit(x[:500], y[:500], class_embeddings=q, validation=validation)
added = {}
for name in sys.argv[2:]:
    method = make_method(name, device="cpu", descent=descent, contrast=contrast)
    if name == "jtt":
        method.set_params(first_epochs=(1,), upweights=(2.0,))
    if name == "resampled":
        method.set_params(group_size=1)
    if name.startswith("dfr"):
        method.set_params(strengths=(1.0,), draws=1)
    groups = np.minimum(np.arange(len(y)), len(q) * 4 - 1) % len(q)  # 4 points a group, but for the last
    extra = {"groups": groups} if name in ("group-dro", "dfr-train") else {}
    ctypes.CDLL(None).malloc_trim(0)
    start = peak = now()
    is_over = threading.Event()
    def watch():
        global peak
        while not is_over.wait(0.002):
            peak = max(peak, now())
    thread = threading.Thread(target=watch)
    thread.start()
    method.fit(x, y, class_embeddings=q, validation=validation, **extra)
    is_over.set()
    thread.join()
    added[name] = peak - start
print(json.dumps(added))
"""
_MEGABYTE = 1 << 20


def _added_bytes(
    folder: Path, n: int, width: int, n_classes: int, methods: tuple[str, ...]
) -> dict[str, int]:
    """Fit methods to mapped embeddings in a process of their own; return what each adds at its peak."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((n_classes, width), dtype=np.float32)
    y = np.arange(n) % n_classes
    x = np.lib.format.open_memmap(folder / "x.npy", "w+", np.float32, (n, width))
    for rows in row_blocks(n, width):
        x[rows] = centres[y[rows]] + 2 * rng.standard_normal((len(y[rows]), width), dtype=np.float32)
    x.flush()
    np.save(folder / "y.npy", y)
    np.save(folder / "q.npy", centres + 0.3 * rng.standard_normal(centres.shape, dtype=np.float32))
    command = [sys.executable, "-c", _FIT, str(folder), *methods]
    settings = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}  # give back at once
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=settings)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from Linux's /proc")
def test_methods_fit_mapped_embeddings_in_little_more_than_one_copy(tmp_path: Path) -> None:
    """A copy is 46 MB; all cosines with the classes would be 180 MB, and two further copies 92 MB."""
    n, width, n_classes = 90_000, 128, 500
    methods = ("zero-shot", "erm", "wise", "resampled", "jtt", "contrastive", "group-dro", "dfr-train")
    added = _added_bytes(tmp_path, n, width, n_classes, methods)
    assert set(added) == set(methods)
    assert {name: size for name, size in added.items() if size > 4 * n * width + 40 * _MEGABYTE} == {}
    assert added["erm"] < 24 * _MEGABYTE


def test_blocks_cover_all_rows() -> None:
    assert [(one.start, one.stop) for one in row_blocks(3, 1 << 23)] == [(0, 2), (2, 3)]
    assert [(one.start, one.stop) for one in row_blocks(2, 1 << 30)] == [(0, 1), (1, 2)]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    x = rng.standard_normal((23, 4)).astype(np.float32)
    q = unit_rows(rng.standard_normal((5, 4)).astype(np.float32))
    chosen = np.array([4, 4, 22, 0])
    whole = unit_rows(x), unit_rows(x, chosen), nearest_rows(x, q)
    np.testing.assert_array_equal(whole[2], [int(np.argmax([row @ one for one in q])) for row in x])
    np.testing.assert_array_equal(whole[1], whole[0][chosen])
    monkeypatch.setattr(embeddings, "_BLOCK_VALUES", 12)
    for found, expected in zip((unit_rows(x), unit_rows(x, chosen), nearest_rows(x, q)), whole, strict=True):
        np.testing.assert_array_equal(found, expected)
    x[17, 2] = np.nan
    with pytest.raises(DataError, match=r"1 of 23 rows of embeddings hold NaN or infinity \(rows 17\)"):
        check_embeddings(x)


def test_predictions_do_not_depend_on_blocks(
    small: EmbeddingDataset, short: DescentConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = small.part("train"), small.part("test").embeddings
    for method in (ZeroShot(), ERMAdapter(descent=short, device="cpu")):
        method.fit(train.embeddings, train.labels, class_embeddings=small.class_embeddings)
        whole = method.predict(test)
        with monkeypatch.context() as patched:
            patched.setattr(embeddings, "_BLOCK_VALUES", 7 * 16)
            assert np.array_equal(method.predict(test), whole)


def test_a_file_that_is_mapped_for_reading_is_learned_from(
    small: EmbeddingDataset, short: DescentConfig, tmp_path: Path
) -> None:
    train = small.part("train")
    np.save(tmp_path / "x.npy", train.embeddings)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = ERMAdapter(descent=short, device="cpu").fit(mapped, train.labels)
    plain = ERMAdapter(descent=short, device="cpu").fit(train.embeddings, train.labels)
    assert np.array_equal(found.predict_proba(mapped), plain.predict_proba(train.embeddings))


def test_splits_in_one_piece_are_not_copied(small: EmbeddingDataset) -> None:
    assert np.shares_memory(small.part("train").embeddings, small.embeddings)
    mixed = np.resize(["train", "test"], len(small.splits))
    facts = {**vars(small), "splits": mixed}
    part = EmbeddingDataset(**facts).part("test")
    np.testing.assert_array_equal(part.embeddings, small.embeddings[1::2])


@pytest.mark.parametrize("how", ["cells", "classes"])
def test_very_many_cells_are_drawn_one_by_one(
    how: str, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    cells = Cells(
        y=np.repeat([0, 1], [90, 10]), predicted=np.array([0] * 80 + [1] * 18 + [0] * 2), n_classes=2
    )
    monkeypatch.setattr("longwave.adapters.sampling._MOST_DRAWS", 8000)
    drawn = resample(cells, how, 4000, rng) if how == "cells" else resample(_times(cells, 60), how, 1, rng)
    assert len(drawn) == 8000
    if how == "cells":
        for own in cells.members:
            assert abs(np.isin(drawn, own).mean() - 0.25) < 0.03  # 6 standard deviations


def _times(cells: Cells, n: int) -> Cells:
    return Cells(y=np.tile(cells.y, n), predicted=np.tile(cells.predicted, n), n_classes=cells.n_classes)
