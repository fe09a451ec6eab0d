"""Train a Hyena model and its attention twin on the bundled books and compare both (4 minutes; --tiny: 15 s).

Both have equal depth, width, parameters, tokens and schedule; only the mixer differs. Stop it when you like:
the same command continues.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from longwave.generation import SamplingConfig, generate_text
from longwave.models import count_parameters
from longwave.recipes import quickstart_twins
from longwave.training import TrainConfig, TrainResult, load_trained, train

PROMPT = "It is a truth "


def shrink(config: TrainConfig) -> TrainConfig:
    """Make a run of seconds from a run of minutes; what it learns is not worth reading."""
    model = replace(config.model, max_length=64)
    return replace(config, model=model, steps=6, batch_size=4, eval_every=6, validation_windows=4)


def describe(name: str, config: TrainConfig, result: TrainResult) -> str:
    """Return one line of the comparison."""
    millions = count_parameters(config.model) / 1e6
    measure = result.validation_bits_per_byte
    return (
        f"{name:10} {millions:.2f} M parameters  {result.tokens:8} tokens  {result.elapsed_s:6.1f} s  "
        f"{measure:.3f} bits per byte on held-out text"
    )


def main() -> None:
    """Train both twins, then let them write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/compare"))
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()

    for name, recipe in quickstart_twins(seed=0).items():
        config = replace(recipe, steps=arguments.steps)
        config = shrink(config) if arguments.tiny else config
        folder = arguments.out / name
        print(describe(name, config, train(config, folder)))

        model, tokenizer = load_trained(folder)
        sampling = SamplingConfig(temperature=0.8, top_p=0.95, seed=0)
        text = generate_text(model, tokenizer, PROMPT, max_new_tokens=40, sampling=sampling)
        print(f"{'':10} {PROMPT}{' '.join(text.split())}")


if __name__ == "__main__":
    main()
