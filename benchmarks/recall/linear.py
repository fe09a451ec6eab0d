"""Train operators to infer a linear function from examples in the prompt; mean squared error beside floors.

    python benchmarks/recall/linear.py --out runs/linear --mixers hyena h3 attention s4d --seeds 0 1 2

A prompt is ``x_1, w * x_1, x_2, w * x_2, ...`` with a new map ``w`` in every sequence. Sequences are drawn
anew for every update, so that nothing can be learned by heart. The values are real: vectors pass a linear
layer on their way in and another on their way out, and ``longwave train``, which reads tokens, has no part.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.config import write_json
from longwave.data.synthetic import LinearFunctions, LinearPrompts, linear_floors, regression_scores
from longwave.mixers import build_mixer
from longwave.recipes.synthetic import MIXERS
from longwave.training import pick_device, warmup_cosine

# Shapes: B batch, L length, O size of a vector, D width

D_MODEL, N_LAYERS, N_TEST = 64, 2, 1000
TEST = 1 << 32  # a number that no update has


class Regressor(nn.Module):
    """Vectors in, the next vectors out: pre-norm blocks of a mixer and an MLP, as in a language model."""

    def __init__(self, mixer: str, task: LinearFunctions) -> None:
        super().__init__()
        length = 2 * task.n_pairs - 1
        self.read = nn.Linear(task.n_dims, D_MODEL)
        self.mixers = nn.ModuleList(
            build_mixer(mixer, d_model=D_MODEL, max_length=length, options=MIXERS[mixer])
            for _ in range(N_LAYERS)
        )
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(D_MODEL, 4 * D_MODEL), nn.GELU(), nn.Linear(4 * D_MODEL, D_MODEL))
            for _ in range(N_LAYERS)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(D_MODEL) for _ in range(2 * N_LAYERS + 1))
        self.write = nn.Linear(D_MODEL, task.n_dims)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, L, O) to (B, L, O)."""
        r = self.read(x)  # (B, L, D)
        for layer, (mixer, mlp) in enumerate(zip(self.mixers, self.mlps, strict=True)):
            r = r + mixer(self.norms[2 * layer](r))
            r = r + mlp(self.norms[2 * layer + 1](r))
        y: Tensor = self.write(self.norms[-1](r))
        return y


def main() -> int:
    options = parse()
    task = LinearFunctions(n_dims=options.dims, n_pairs=options.pairs)
    torch.set_num_threads(options.threads)
    results = []
    for seed, mixer in itertools.product(options.seeds, options.mixers):
        path = options.out / f"{mixer}-O{task.n_dims}-P{task.n_pairs}-seed{seed}.json"
        if not path.is_file():
            options.out.mkdir(parents=True, exist_ok=True)
            write_json(path, run(mixer, task, seed, options))
        results.append(json.loads(path.read_text("utf-8")))
    write_json(options.out / "results.json", results)
    show(results, as_json=options.json)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/linear"), help="folder of the results")
    parser.add_argument("--mixers", nargs="+", choices=list(MIXERS), default=list(MIXERS))
    parser.add_argument("--dims", type=int, default=4, help="size of a vector")
    parser.add_argument("--pairs", type=int, default=16, help="pairs in a prompt")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def run(mixer: str, task: LinearFunctions, seed: int, options: argparse.Namespace) -> dict[str, object]:
    """Train one model and score it on sequences of its own."""
    device = pick_device(options.device)
    torch.manual_seed(seed)
    model = Regressor(mixer, task).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr, betas=(0.9, 0.98), weight_decay=0.0)
    test = task.draw(N_TEST, np.random.default_rng((seed, TEST)))
    curve, started = [], time.perf_counter()
    for step in range(options.steps):
        factor = warmup_cosine(
            step, steps=options.steps, warmup_steps=options.steps // 20, final_fraction=0.0
        )
        for group in optimizer.param_groups:
            group["lr"] = options.lr * factor
        prompts = task.draw(options.batch_size, np.random.default_rng((seed, step)))
        inputs, targets = (torch.from_numpy(part).to(device) for part in (prompts.inputs, prompts.targets))
        loss = F.mse_loss(model(inputs)[:, ::2], targets[:, ::2])  # where an image follows
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if (step + 1) % max(1, options.steps // 10) == 0:
            curve.append([step + 1, score(model, test, device)["mse"]])
    return {
        "mixer": mixer,
        "n_dims": task.n_dims,
        "n_pairs": task.n_pairs,
        "seed": seed,
        **score(model, test, device),
        "floors": linear_floors(test),
        "n_test": N_TEST,
        "steps": options.steps,
        "batch_size": options.batch_size,
        "lr": options.lr,
        "parameters": sum(p.numel() for p in model.parameters()),
        "curve": curve,
        "training_s": time.perf_counter() - started,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
    }


@torch.no_grad()
def score(model: nn.Module, test: LinearPrompts, device: torch.device) -> dict[str, float]:
    """Return ``mse`` and ``r2`` from the second pair on, and ``mse_last``, that of the last pair."""
    predicted = model(torch.from_numpy(test.inputs).to(device)).cpu().numpy()
    images, truth = predicted[:, 2::2], test.targets[:, 2::2]  # (n, P - 1, O)
    last = regression_scores(images[:, -1], truth[:, -1])["mse"]
    return {**regression_scores(images, truth), "mse_last": last}


def show(results: list[dict[str, object]], *, as_json: bool) -> None:
    """Print errors with the floors beside them."""
    if as_json:
        print(json.dumps(results, indent=2))
        return
    print("mixer        seed  mse     last pair  r2     floor: zero  floor: mean product  least squares")
    for row in results:
        floors = row["floors"]
        print(
            f"{row['mixer']:12} {row['seed']:4}  {row['mse']:.4f}  {row['mse_last']:9.4f}  {row['r2']:5.3f}"
            f"  {floors['zero']:11.4f}  {floors['mean_product']:19.4f}  {floors['least_squares']:13.4f}"
        )


if __name__ == "__main__":
    sys.exit(main())
