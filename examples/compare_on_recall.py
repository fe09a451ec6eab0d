"""Train three operators on associative recall, say how often each is right, and decode the best one (4 min).

A sequence lists keys with their values and ends with a key: which value stood behind it? Whoever always
answers with the most frequent value is right far more often than a guess, so that floor stands beside.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from longwave.recipes import recall_small
from longwave.training import TrainConfig, load_model, train

MIXERS = ("hyena", "h3", "attention")


def configure(mixer: str, *, tiny: bool) -> TrainConfig:
    """Return the small recipe, shortened: 600 updates, enough for Hyena to begin."""
    config = recall_small(mixer)
    steps = 20 if tiny else 600
    schedule = replace(config.optim, schedule_steps=steps)
    return replace(config, steps=steps, eval_every=steps, optim=schedule)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/compare_on_recall"))
    parser.add_argument("--tiny", action="store_true", help="20 updates, to see that it runs")
    options = parser.parse_args()
    found = {}
    for mixer in MIXERS:
        result = train(configure(mixer, tiny=options.tiny), options.out / mixer)
        found[mixer] = result.evaluation
        right, floor = (100 * result.evaluation[key] for key in ("test_accuracy", "floor_majority_value"))
        print(f"{mixer:10} {right:5.1f} % right on unseen sequences (floor {floor:.1f} %)", flush=True)

    best = max(MIXERS, key=lambda mixer: found[mixer]["test_accuracy"])
    model, _ = load_model(options.out / best)
    prompt = torch.randint(model.config.vocab_size, (1, 32))
    state = model.init_state(1, 48)
    _, state = model.prefill(prompt, state)
    print(f"{best} remembers {state.nbytes / 1024:.0f} KiB after {state.position} tokens.")
    print("It goes on with", model.generate(prompt, max_new_tokens=8, temperature=0)[0, 32:].tolist())


if __name__ == "__main__":
    main()
