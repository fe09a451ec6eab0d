"""Train on digits of 7 x 7 pixels, test on 28 x 28: S4ND, with and without bandlimit, and Conv2d (4 min).

The digits are bundled, nothing is downloaded. Weights stay as they are after the training; only the rate
tells S4ND that pixels are closer now. The last column is the trivial way, which needs no idea of resolution:
shrink the test images to 7 x 7 first.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from longwave.evaluation.images import record_images
from longwave.recipes.images import set_image_steps
from longwave.recipes.s4nd import s4nd_tiny
from longwave.report import build_report
from longwave.training import TrainConfig, train
from longwave.training.image_answers import answer_images

GRIDS = (14, 28)


def configure(steps: int) -> dict[str, TrainConfig]:
    """Return three runs that differ in their layers alone, by name."""
    run = set_image_steps(s4nd_tiny(), steps)
    trunk = run.model.trunk
    unlimited = replace(trunk, s4nd=replace(trunk.s4nd, bandlimit=None))
    conv = replace(trunk, mixer="conv", d_model=20, encoder="linear")  # about as many weights
    return {
        name: replace(run, model=replace(run.model, trunk=layers))
        for name, layers in (("s4nd", trunk), ("s4nd-unlimited", unlimited), ("conv2d", conv))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/zero_shot_resolution"))
    parser.add_argument("--tiny", action="store_true", help="few images and steps, to see that it runs")
    options = parser.parse_args()

    print("accuracy on unseen digits, %    weights    at 7   at 14   at 28   at 28, shrunk to 7")
    for name, config in configure(steps=20 if options.tiny else 480).items():
        if options.tiny:
            config = replace(config, data=replace(config.images, n_train=200, n_test=50))
        train(config, options.out / name)
        found = {}
        for answers in answer_images(options.out / name, GRIDS, name=name):
            found[answers.resolution[0], answers.is_shrunk] = 100 * answers.accuracy
            record_images(options.out, answers)
        shown = "".join(f"{found[points, False]:8.1f}" for points in (7, *GRIDS))
        print(f"{name:30} {answers.parameters:8} {shown} {found[28, True]:14.1f}", flush=True)
    print("Kernels, mistakes and intervals:", build_report(options.out))


if __name__ == "__main__":
    main()
