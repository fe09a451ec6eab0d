"""Fit adapters to embeddings of the size of ImageNet, and measure time and memory: `run.py --scale`.

Points are made block by block and written to a file, which the methods read by mapping it into memory. The
peaks are of what a fit adds: memory of the processor without mapped files, sampled every 20 ms, and memory
of the GPU as its allocator counts it.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch

from longwave.adapters import Adapter, ContrastiveAdapter, ContrastiveConfig, DescentConfig, make_method

METHODS = ("zero-shot", "linear-probe", "erm", "jtt", "contrastive", "group-dro")  # DFR fits for an hour
EPOCHS = 2  # one of each kind of the contrastive ones
ANCHORS = 10_000  # that are drawn of hundreds of thousands
GROUP_SIZE = 100  # draws of each of some thousand cells
MINORITY = 0.3  # share of a class's points in its second group
BLOCK = 20_000


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How many points, of what width, of how many classes."""

    n: int = 1_300_000
    width: int = 768
    n_classes: int = 1000
    n_validation: int = 20_000


class PeakMemory:
    """Sample the memory that this process has for itself, while a block runs."""

    def __enter__(self) -> Self:
        self._start = self._peak = anonymous_bytes()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self.added = self._peak - self._start

    def _watch(self) -> None:
        while not self._is_over.wait(0.02):
            self._peak = max(self._peak, anonymous_bytes())


def anonymous_bytes() -> int:
    """Return the resident memory that no file backs."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return 1024 * int(line.split()[1])
    raise OSError("/proc/self/status has no RssAnon; memory is measured on Linux alone.")


def measure_scale(
    device: str, sizes: Sizes, report: Callable[[str], None], keep: Callable[[dict[str, object]], None]
) -> None:
    """Fit every method once; keep seconds and peaks of all that are done, after each."""
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        path = Path(folder) / "points.npy"
        labels, groups, text, validation = write_points(path, sizes)
        points = np.load(path, mmap_mode="r")
        report(f"{points.nbytes / 1e9:.1f} GB of points in {time.perf_counter() - started:.0f} s")
        for name in METHODS:
            method = make(name, device, labels, text, points)
            extra = {"groups": groups} if name == "group-dro" else {}
            if device != "cpu":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            started = time.perf_counter()
            with PeakMemory() as memory:
                method.fit(points, labels, class_embeddings=text, validation=validation, **extra)
            seconds = time.perf_counter() - started
            on_gpu = torch.cuda.max_memory_allocated() if device != "cpu" else 0
            found[name] = {
                "fit_s": seconds,
                "added_bytes": memory.added,
                "gpu_bytes": on_gpu,
                "accuracy": method.score(*validation[:2]),
                "anchors": n_anchors(method),
            }
            report(f"{name}: {seconds:.0f} s, {memory.added / 1e9:.1f} GB, on the GPU {on_gpu / 1e9:.1f} GB")
            keep({"sizes": vars(sizes), "points_bytes": points.nbytes, "epochs": EPOCHS, "methods": found})


def make(name: str, device: str, labels: np.ndarray, text: np.ndarray, points: np.ndarray) -> Adapter:
    """Return a method with settings for many points: two epochs, some thousand anchors."""
    descent = DescentConfig(epochs=EPOCHS, batch_size=1024)
    if name != "contrastive":
        method = make_method(name, device=device, descent=descent)
        return method.set_params(first_epochs=(1,), upweights=(5.0,)) if name == "jtt" else method
    sample = np.random.default_rng(0).choice(len(labels), min(len(labels), 20_000), replace=False)
    share_wrong = float(((points[np.sort(sample)] @ text.T).argmax(1) != labels[np.sort(sample)]).mean())
    ratio = min(1.0, ANCHORS / max(1.0, share_wrong * len(labels)))
    contrast = ContrastiveConfig(
        positives=128, negatives=512, neighbours=1024, anchor_ratio=ratio, group_size=GROUP_SIZE
    )
    return ContrastiveAdapter(
        contrast=contrast,
        descent=DescentConfig(epochs=EPOCHS, batch_size=128),
        device=device,
    )


def n_anchors(method: Adapter) -> int:
    """Return how many training points a contrastive adapter can draw anchors from; 0 for other methods."""
    counts = getattr(method, "cell_counts_", np.zeros((1, 1)))
    return int(counts.sum() - np.trace(counts))


def write_points(
    path: Path, sizes: Sizes, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Write training points (n, d); return their labels and groups, class embeddings, and validation.

    As in `make_groups`, an attribute taints the text: most points of a class have its own attribute, the
    others that of the next class, for which zero-shot prediction takes them.
    """
    rng = np.random.default_rng(seed)
    own, attributes = (unit(rng.standard_normal((sizes.n_classes, sizes.width))) for _ in range(2))
    centres = np.stack([own + attributes, own + np.roll(attributes, -1, axis=0)], axis=1)
    text = unit(own + 2 * attributes)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        y, g = rng.integers(sizes.n_classes, size=n), (rng.random(n) < MINORITY).astype(np.int64)
        noise = rng.standard_normal((n, sizes.width), dtype=np.float32) * (2.5 / np.sqrt(sizes.width))
        return unit(centres[y, g] + noise), y, 2 * y + g

    rows = np.lib.format.open_memmap(path, "w+", np.float32, (sizes.n, sizes.width))
    labels, groups = np.empty((2, sizes.n), dtype=np.int64)
    for start in range(0, sizes.n, BLOCK):
        stop = min(start + BLOCK, sizes.n)
        rows[start:stop], labels[start:stop], groups[start:stop] = draw(stop - start)
    rows.flush()
    return labels, groups, text, draw(sizes.n_validation)


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)
