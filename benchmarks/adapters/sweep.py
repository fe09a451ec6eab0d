"""Look for settings of the adapters, on seeds from 100 on: what every epoch of every variant gets right.

    python benchmarks/adapters/sweep.py --processes 60 --time-limit 420 --out sweep
    python benchmarks/adapters/sweep.py --tiny --out sweep
    python benchmarks/adapters/sweep.py --table --out sweep           # no training

A cell is a variant, a data set and a seed. Of each epoch it keeps the right answers by group: of the two
halves of the validation split, and of the test split. An epoch can so be chosen on one half and measured on
the other, and variants compared without the test split: `--table` reads the test of the generator alone,
whose data a seed draws anew. A network is recorded as it is and as means of its weights over epochs.
What is there already is left alone.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.adapters import (
    AdapterConfig,
    ContrastiveAdapter,
    ContrastiveConfig,
    DescentConfig,
    EmbeddingDataset,
    ERMAdapter,
    GroupScore,
    load_groups,
    make_groups,
)
from longwave.adapters.descent import Descent
from longwave.adapters.sampling import Cells, even_batches

GENERATOR = "generator"
DATA = (GENERATOR, "captionbirds", "clinc-domains", "hatecheck")
DECAYS = (0.7, 0.9)  # of the means of weights, an epoch
SHARES = (0.5, 0.8)  # of the adapter beside the frozen embedding, after training
OUTPUTS = ("last", *(f"mean-{d}" for d in DECAYS), *(f"mixed-{s}" for s in SHARES))
CLINC = {"resampling": "classes", "anchor_ratio": 0.1}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What differs from the method as published."""

    method: str = "contrastive"
    temperature: float = 100.0
    mix: float = 1.0
    hidden: int = 128
    tau: float = 0.1
    interpolate: bool = False
    whiten: bool = False
    prototypes: bool = False
    weight_decay: float = 5e-5
    lr: float = 1e-3


VARIANTS = {
    "contrastive": Variant(),
    "contrastive-t20": Variant(temperature=20),
    "erm": Variant(method="erm"),
    "erm-t20": Variant(method="erm", temperature=20),
    "resampled": Variant(method="resampled"),
    "resampled-t20": Variant(method="resampled", temperature=20),
    "contrastive-t10": Variant(temperature=10),
    "contrastive-t50": Variant(temperature=50),
    "interpolated": Variant(interpolate=True),
    "interpolated-t20": Variant(interpolate=True, temperature=20),
    "erm-t10": Variant(method="erm", temperature=10),
    "erm-interpolated-t20": Variant(method="erm", temperature=20, interpolate=True),
    "resampled-interpolated-t20": Variant(method="resampled", temperature=20, interpolate=True),
    "residual": Variant(mix=0.5),
    "residual-t20": Variant(mix=0.5, temperature=20),
    "whitened": Variant(whiten=True),
    "whitened-t20": Variant(whiten=True, temperature=20),
    "wide-t20": Variant(hidden=512, temperature=20),
    "prototypes-t20": Variant(prototypes=True, temperature=20),
    "tau03-t20": Variant(tau=0.3, temperature=20),
    "slow": Variant(lr=3e-4),
    "decay-t20": Variant(weight_decay=5e-3, temperature=20),
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training."""

    variant: str
    data: str
    seed: int
    epochs: int
    until: float

    @property
    def name(self) -> str:
        return f"{self.data}-{self.variant}-seed{self.seed}"


class TimeUp(Exception):
    """The time of the whole sweep is over."""


class Recorder:
    """Keep what each epoch gets right, by group, of the network and of means of its weights."""

    def __init__(self, model: ERMAdapter | ContrastiveAdapter, data: EmbeddingDataset, until: float) -> None:
        self.model, self.until = model, until
        self.validation, self.test = data.part("val"), data.part("test")
        self.n_groups = len(data.group_names)
        half = np.zeros(len(self.validation.labels), dtype=np.int64)
        rng = np.random.default_rng(0)
        for g in range(self.n_groups):
            members = rng.permutation(np.flatnonzero(self.validation.groups == g))
            half[members[g % 2 :: 2]] = 1
        self.cells = self.validation.groups + self.n_groups * half  # group and half
        self.means: list[dict[str, Tensor]] = []
        self.right_validation: list[list[np.ndarray]] = []
        self.right_test: list[list[np.ndarray]] = []

    def record(self) -> GroupScore:
        if time.time() > self.until:
            raise TimeUp
        net = self.model.net_
        state = {name: value.clone() for name, value in net.state_dict().items()}
        if not self.means:
            self.means = [copy.deepcopy(state) for _ in DECAYS]
        for mean, decay in zip(self.means, DECAYS, strict=True):
            for name, value in state.items():
                mean[name] = decay * mean[name] + (1 - decay) * value if value.is_floating_point() else value
        found = [self._right(1.0), *(self._averaged(mean) for mean in self.means)]
        net.load_state_dict(state)
        found += [self._right(share) for share in SHARES]
        self.right_validation.append([one[0] for one in found])
        self.right_test.append([one[1] for one in found])
        n = np.bincount(self.cells, minlength=2 * self.n_groups)
        right = found[0][0].reshape(2, -1).sum(0)
        n = n.reshape(2, -1).sum(0)
        return GroupScore(worst=float((right / n)[n > 0].min()), average=float(right.sum() / n.sum()))

    def _averaged(self, mean: dict[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
        self.model.net_.load_state_dict(mean)
        return self._right(1.0)

    def _right(self, share: float) -> tuple[np.ndarray, np.ndarray]:
        """Count right answers by half and group of the validation split, and by group of the test split."""
        counts = []
        pairs = ((self.validation, self.cells, 2), (self.test, self.test.groups, 1))
        for part, codes, parts in pairs:
            x = torch.from_numpy(part.embeddings)
            with torch.inference_mode():
                z = F.normalize(self.model.net_(x), dim=1)
                found = ((share * z + (1 - share) * F.normalize(x, dim=1)) @ self.model._q.T).argmax(1)
            right = (found.numpy() == part.labels).astype(np.float64)
            counts.append(np.bincount(codes, weights=right, minlength=parts * self.n_groups).astype(np.int16))
        return counts[0], counts[1]


class _Studied:
    """Beside a method: records epochs, and interpolates points of plain training if told to."""

    def _start(self, problem, config=None):  # type: ignore[no-untyped-def]
        _, x, y = super()._start(problem, config)  # type: ignore[misc]
        return Descent(self.net_, config or self._descent(), self.recorder.record), x, y

    def _class_epoch(self, x, y, points, step):  # type: ignore[no-untyped-def]
        if not self.interpolate:
            return super()._class_epoch(x, y, points, step)  # type: ignore[misc]
        rng = np.random.default_rng((self.seed, len(self.recorder.right_test), 1))
        partners = draw_partners(self.cells, points, rng)
        shares = torch.from_numpy(rng.beta(2, 2, len(points)).astype(np.float32))[:, None]
        mixed = shares * x[points] + (1 - shares) * x[partners]
        length = shares * x[points].norm(dim=1, keepdim=True)
        length = length + (1 - shares) * x[partners].norm(dim=1, keepdim=True)
        mixed = F.normalize(mixed, dim=1) * length
        batches = even_batches(np.arange(len(points)), self._descent().batch_size)
        return torch.stack([step(self._class_loss(mixed[b], y[points[b]])) for b in batches])


class StudiedContrastive(_Studied, ContrastiveAdapter):
    """The contrastive adapter under study."""


class StudiedERM(_Studied, ERMAdapter):
    """Plain or resampled training under study."""


def draw_partners(cells: Cells, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return for each point one of its class, from another cell where there is one, cells equally likely."""
    partners = points.copy()
    members = cells.members
    for own in members:
        places = np.flatnonzero(np.isin(points, own))
        others = [one for one in members if cells.y[one[0]] == cells.y[own[0]] and one[0] != own[0]] or [own]
        chosen = rng.integers(len(others), size=len(places))
        for number, other in enumerate(others):
            at = places[chosen == number]
            partners[at] = rng.choice(other, len(at))
    return partners


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=DATA)
    parser.add_argument("--seeds", nargs="+", type=int, default=[100, 101, 102, 103, 104])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--time-limit", type=float, default=3600, help="seconds")
    parser.add_argument("--out", type=Path, default=Path("sweep"))
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if min(options.seeds) < 100:
        parser.error("Seeds below 100 are for the report; settings are looked for on seeds from 100 on.")
    if options.tiny:
        options.epochs, options.seeds = 2, options.seeds[:1]
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.table:
        sweep(options)
    show(options.out)
    return 0


def sweep(options: argparse.Namespace) -> None:
    until = time.time() + options.time_limit
    cells = [
        Cell(variant=variant, data=data, seed=seed, epochs=options.epochs, until=until)
        for seed in options.seeds
        for variant in options.variants
        for data in options.data
    ]
    wanted = [cell for cell in cells if not (options.out / f"{cell.name}.json").is_file()]
    n_done = 0
    with ProcessPoolExecutor(
        options.processes, get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        running = {pool.submit(run_cell, cell, options.out): cell for cell in wanted}
        for future in as_completed(running):
            n_done += future.result()
            if n_done % 20 == 0:
                print(f"{n_done} of {len(wanted)} cells", file=sys.stderr)
    print(f"{n_done} of {len(wanted)} cells done", file=sys.stderr)


def run_cell(cell: Cell, out: Path) -> bool:
    """Train and record one cell; return whether there was time for it."""
    if time.time() > cell.until:
        return False
    started = time.perf_counter()
    data = make_groups(cell.seed) if cell.data == GENERATOR else load_groups(cell.data)
    model = prepare(cell)
    train, validation = data.part("train"), data.part("val")
    variant = VARIANTS[cell.variant]
    predicted = (train.embeddings @ data.class_embeddings.T).argmax(axis=1)
    model.cells = Cells(y=train.labels, predicted=predicted, n_classes=len(data.class_names))
    extra = {"predictions": predicted} if variant.method == "contrastive" else {}
    if variant.whiten:
        data = whitened(data)
    model.recorder = Recorder(model, data, cell.until)
    try:
        model.fit(
            data.part("train").embeddings,
            train.labels,
            class_embeddings=None if variant.prototypes else data.class_embeddings,
            validation=data.part("val").for_validation(),
            **extra,
        )
    except TimeUp:
        return False
    recorder = model.recorder
    np.savez_compressed(
        out / f"{cell.name}.npz",
        validation=np.array(recorder.right_validation).reshape(cell.epochs, len(OUTPUTS), 2, -1),
        test=np.array(recorder.right_test),
        n_validation=np.bincount(recorder.cells, minlength=2 * recorder.n_groups).reshape(2, -1),
        n_test=np.bincount(data.part("test").groups, minlength=recorder.n_groups),
        n_train=np.bincount(train.groups, minlength=recorder.n_groups),
    )
    facts = {**asdict(cell), "settings": asdict(variant), "fit_s": time.perf_counter() - started}
    del facts["until"]
    facts["points"] = [len(train.labels), len(validation.labels)]
    (out / f"{cell.name}.json").write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    return True


def prepare(cell: Cell) -> StudiedERM | StudiedContrastive:
    variant = VARIANTS[cell.variant]
    shared = {
        "network": AdapterConfig(hidden=variant.hidden, mix=variant.mix, temperature=variant.temperature),
        "descent": DescentConfig(epochs=cell.epochs, lr=variant.lr, weight_decay=variant.weight_decay),
        "device": "cpu",
        "seed": cell.seed,
    }
    special = CLINC if cell.data == "clinc-domains" else {}
    if variant.method == "contrastive":
        model = StudiedContrastive(contrast=ContrastiveConfig(tau=variant.tau, **special), **shared)
    else:
        how = "none" if variant.method == "erm" else special.get("resampling", "cells")
        model = StudiedERM(resampling=how, **shared)
    model.interpolate = variant.interpolate
    return model


def whitened(data: EmbeddingDataset, floor: float = 0.1) -> EmbeddingDataset:
    """Return embeddings whose training points have almost the same variance in all directions.

    ``C^(-1/2)`` of the training points' covariance, with a tenth of its mean eigenvalue added to each;
    rows have unit length again.
    """
    x = data.embeddings.astype(np.float64)
    train = x[data.splits == "train"]
    mean = train.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((train - mean).T))
    scaled = (x - mean) @ (vectors * (values + floor * values.mean()) ** -0.5) @ vectors.T
    scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
    facts = {name: getattr(data, name) for name in data.__dataclass_fields__}
    return EmbeddingDataset(**{**facts, "embeddings": scaled.astype(np.float32)})


def show(out: Path) -> None:
    """Print means over seeds: of the held-out half of the validation split, of the generator also the test.

    The epoch is the one with the best worst group of the other half, or the best tenth percentile.
    """
    found: dict[tuple[str, str, str, str], list[list[float]]] = {}
    for path in sorted(out.glob("*-seed*.json")):
        facts = json.loads(path.read_text("utf-8"))
        with np.load(path.with_suffix(".npz")) as arrays:
            counts = {name: arrays[name] for name in arrays.files}
        for number, output in enumerate(OUTPUTS):
            for rule in ("worst", "tenth"):
                key = (facts["data"], facts["variant"], output, rule)
                found.setdefault(key, []).append(
                    [*measure(counts, number, rule, facts["data"] == GENERATOR), facts["fit_s"]]
                )
    for data in DATA:
        print(f"\n{data}: percent of held-out validation halves (test: generator alone)\n")
        print("| variant | weights | rule | worst | 10th | average | unseen | test worst | seconds | seeds |")
        print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for (name, variant, output, rule), rows in found.items():
            if name == data:
                means = " | ".join(f"{value:.1f}" for value in np.mean(rows, axis=0))
                print(f"| {variant} | {output} | {rule} | {means} | {len(rows)} |")


def measure(counts: dict[str, np.ndarray], output: int, rule: str, reads_test: bool) -> list[float]:
    """Return worst, tenth percentile, average, the average where training has no points, test's worst."""
    right, n = counts["validation"][:, output].astype(float), counts["n_validation"].astype(float)
    unseen = counts["n_train"] == 0
    rows, epochs = [], []
    for half in (0, 1):
        epoch = choose(right[:, half], n[half], rule)
        other = right[epoch, 1 - half][n[1 - half] > 0] / n[1 - half][n[1 - half] > 0]
        both = (n[1 - half] > 0) & unseen
        share = right[epoch, 1 - half][both].sum() / n[1 - half][both].sum() if both.any() else np.nan
        average = right[epoch, 1 - half].sum() / n[1 - half].sum()
        rows.append([other.min(), np.quantile(other, 0.1), average, share])
        epochs.append(epoch)
    worst = np.nan
    if reads_test:
        epoch = choose(right.sum(1), n.sum(0), rule)
        worst = (counts["test"][epoch, output] / counts["n_test"]).min()
    return [100 * float(one) for one in [*np.mean(rows, axis=0), worst]]


def choose(right: np.ndarray, n: np.ndarray, rule: str) -> int:
    """Return the first epoch with the best worst group or tenth percentile, ties by the average."""
    shares = right[:, n > 0] / n[n > 0]
    first = shares.min(axis=1) if rule == "worst" else np.quantile(shares, 0.1, axis=1)
    return max(range(len(shares)), key=lambda e: (first[e], right[e].sum(), -e))


if __name__ == "__main__":
    raise SystemExit(main())
