"""Learn what a stirred flow becomes: T1 in two bases and FNO on a simulated flow, side by side (5 min).

The flow is simulated here, nothing is downloaded. Before anything is trained, the example tells the share of
the targets that no model on so few modes can predict: on a periodic flow, cosines lose more than Fourier
modes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from longwave.evaluation.fields import record_fields
from longwave.models.pde import irreducible_loss
from longwave.recipes import fno_tiny, t1_tiny
from longwave.recipes.operators import set_epochs
from longwave.report import build_report
from longwave.training import FieldDataConfig, TrainConfig, load_fields, train
from longwave.training.field_answers import answer_fields

MODES = 12


def configure(data: FieldDataConfig, epochs: int) -> dict[str, TrainConfig]:
    """Return three runs of equal epochs, by name."""
    t1, fno = t1_tiny(), fno_tiny()
    runs = {
        "t1-rfft": replace(t1, model=replace(t1.model, basis="rfft")),
        "t1-dct": replace(t1, model=replace(t1.model, basis="dct")),
        "fno": fno,
    }
    return {name: set_epochs(replace(run, data=data), epochs) for name, run in runs.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/navier_stokes"))
    parser.add_argument("--tiny", action="store_true", help="few samples and epochs, to see that it runs")
    options = parser.parse_args()
    data = replace(t1_tiny().fields, folder=str(options.out / "data"))
    if options.tiny:
        data = replace(data, n_train=20, n_test=8, options={"horizon": 1.0})

    flow = load_fields(data)
    print(f"{len(flow.train)} + {len(flow.test)} flows on {flow.sizes[0]} x {flow.sizes[1]} points")
    for basis in ("rfft", "dct"):
        lost = irreducible_loss(flow.test.targets, (MODES, MODES), basis)
        print(f"{MODES} x {MODES} modes in the basis {basis:4} lose {100 * lost:.2f} % of the targets")

    for name, config in configure(data, epochs=80 if options.tiny else 100).items():
        result = train(config, options.out / name)
        error, floor = (100 * result.evaluation[key] for key in ("test_relative_l2", "floor_mean_field"))
        print(
            f"{name:8} {error:6.2f} % off on unseen flows (the mean field is {floor:.1f} % off), "
            f"{result.elapsed_s:.1f} s",
            flush=True,
        )
        for answers in answer_fields(options.out / name, [24, 64], name=name):
            record_fields(options.out, answers)
    print("Pictures, spectra and errors on other grids:", build_report(options.out).with_name("fields.html"))


if __name__ == "__main__":
    main()
