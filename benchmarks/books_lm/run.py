"""Train Hyena, attention and the H3 hybrids on the same books and score them on books none has seen.

    python benchmarks/books_lm/run.py --data BOOKS --out runs/books_lm --sizes 9m 43m --seeds 0 1 2

BOOKS holds ``train-*.jsonl.gz``, ``validation-*.jsonl.gz`` and ``test-*.jsonl.gz`` (one JSON object with
"text" a line). Every run writes one file to ``results/``; ``--time-only`` measures the speed of an update
instead, with and without ``torch.compile``.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import math
import platform
import shutil
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from longwave import __version__
from longwave.config import to_dict, write_json
from longwave.data import TokenFile, build_token_file
from longwave.models import count_flops, count_parameters
from longwave.recipes import books_models
from longwave.training import TrainConfig, load_trained, measure_step_s, train
from longwave.training.distributed import Workers
from longwave.training.validation import validate

HERE = Path(__file__).parent
SPLITS = ("train", "validation", "test")


def main() -> None:
    options = parse()
    splits = split_folders(options.data, options.out)
    for size, seed in itertools.product(options.sizes, options.seeds):
        recipes = books_models(size, seed=seed)
        for name in options.models or recipes:
            config = configure(recipes[name], splits, options)
            if options.time_only:
                time_updates(f"{size} {name}", config)
                continue
            result = run_model(name, size, config, splits, options)
            write_json(options.results / f"{size}-{name}-seed{seed}.json", result)


def time_updates(name: str, config: TrainConfig) -> None:
    """Print how long an update takes, eager and compiled."""
    for compiled in (False, True):
        step_s = measure_step_s(replace(config, compile=compiled), repeats=10)
        speed = config.tokens_per_step / step_s
        figures = f"{step_s * 1e3:.1f} ms a step, {speed / 1e3:.0f} k tokens/s"
        print(f"{name} compile={compiled}: {figures}", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the books")
    parser.add_argument("--out", type=Path, default=Path("runs/books_lm"), help="folder of the runs")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the figures")
    parser.add_argument("--sizes", nargs="+", choices=["9m", "43m"], default=["43m"])
    parser.add_argument("--models", nargs="+", help="names of books_models; all when left out")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, help="updates; the recipe's when left out")
    parser.add_argument("--lr", type=float, help="peak learning rate; the recipe's when left out")
    parser.add_argument("--batch-size", type=int, help="windows an update; the recipe's when left out")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--time-only", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="a two-minute rehearsal on a CPU")
    parser.add_argument(
        "--shared", action="store_true", help="other work has the GPU too: no seconds in figures"
    )
    parser.add_argument("--commit", default=None, help="recorded when git is not at hand")
    return parser.parse_args()


def split_folders(data: Path, out: Path) -> dict[str, Path]:
    """Sort the files of each split into a folder of links."""
    folders = {split: out / "books" / split for split in SPLITS}
    for split, folder in folders.items():
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(data.glob(f"{split}-*.jsonl.gz")):
            link = folder / path.name
            if not link.exists():
                link.symlink_to(path.resolve())
    return folders


def configure(recipe: TrainConfig, splits: dict[str, Path], options: argparse.Namespace) -> TrainConfig:
    config = replace(
        recipe,
        data=replace(recipe.data, path=str(splits["train"]), validation_path=str(splits["validation"])),
        steps=options.steps or recipe.steps,
        batch_size=options.batch_size or recipe.batch_size,
        optim=replace(recipe.optim, lr=options.lr or recipe.optim.lr),
        compile=not options.no_compile,
    )
    if options.tiny:
        attention_layers = config.model.attention_layers[:1]  # the second layer
        model = replace(
            config.model, vocab_size=512, d_model=32, n_layers=2, max_length=128, d_mlp=64,
            attention_layers=attention_layers,
        )  # fmt: skip
        config = replace(
            config,
            model=model,
            data=replace(config.data, vocab_size=512),
            steps=20,
            batch_size=4,
            eval_every=10,
            precision="float32",
            compile=False,
        )
    return config


def run_model(
    name: str, size: str, config: TrainConfig, splits: dict[str, Path], options: argparse.Namespace
) -> dict[str, object]:
    """Train one model and score it on the test books."""
    folder = options.out / f"{size}-{name}-lr{config.optim.lr:g}-seed{config.seed}"
    share_tokens(options.out, folder)
    started = time.perf_counter()

    def report(row: dict[str, float]) -> None:
        if "validation_bits_per_byte" in row or row["step"] % 100 == 0:
            print(name, config.seed, json.dumps(row), flush=True)

    result = train(config, folder, on_step=report)
    wall_s = time.perf_counter() - started
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    scores = {split: score(folder, splits[split], split, config) for split in ("validation", "test")}
    print(name, config.seed, json.dumps(scores), flush=True)
    return {
        "model": name,
        "size": size,
        "seed": config.seed,
        "parameters": count_parameters(config.model),
        "forward_flops_per_token": count_flops(config.model, config.model.max_length),
        "tokens": result.tokens,
        "epochs": result.tokens / len(TokenFile(folder / "tokens" / "train")),
        "training_s": result.elapsed_s,
        "wall_s": wall_s,
        "is_timed": not options.shared,
        "tokens_per_s": float(np.median([row["tokens_per_s"] for row in rows if "tokens_per_s" in row])),
        "scores": scores,
        "curve": [row for row in rows if "validation_bits_per_byte" in row],
        "config": to_dict(config),
        "machine": machine(),
        "versions": {
            "longwave": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "commit": options.commit or commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def share_tokens(out: Path, folder: Path) -> None:
    """Copy tokenizer and tokens of an earlier run, reused where they fit: making them takes a minute."""
    for other in sorted(out.glob("*-seed*")):
        if other != folder and (other / "tokens" / "train").is_dir() and not (folder / "tokens").exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copytree(other / "tokens", folder / "tokens")
            shutil.copy(other / "tokenizer.json", folder / "tokenizer.json")
            return


def score(folder: Path, books: Path, split: str, config: TrainConfig) -> dict[str, float]:
    """Measure bits per byte and word-level perplexity on all windows of a split."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model, tokenizer = load_trained(folder, device=device)
    tokens = build_token_file(str(books), folder / "tokens" / split, tokenizer)
    lengths = torch.from_numpy(tokenizer.byte_lengths).to(device)
    loss, bits = validate(
        model,
        tokens,
        lengths,
        seq_len=config.model.max_length,
        max_windows=10**9,
        batch_size=16,
        workers=Workers(rank=0, world=1, device=device),
        autocast=torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"),
    )
    return {"loss": loss, "perplexity": math.exp(loss), "bits_per_byte": bits}


def machine() -> str:
    return (
        torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else platform.processor() or platform.machine()
    )


def commit() -> str:
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True, cwd=HERE
        ).stdout.strip()
    return "unknown"


if __name__ == "__main__":
    main()
