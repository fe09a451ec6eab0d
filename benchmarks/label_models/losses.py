"""How often, and how far, the label model falls below majority vote on single random sets.

    python benchmarks/label_models/losses.py                  # 60 held-out sets of each family, ten minutes
    python benchmarks/label_models/losses.py --tuning         # the sets that the guard was tuned on
    python benchmarks/label_models/losses.py --table FILE     # the tables of a result, no measuring

A set is lost where the model is more than half a point below majority vote. On a small set that happens to
the Bayes classifier that knows the truth as well; its share of lost sets stands beside ours.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

import numpy as np
from random_sets import FAMILIES, SIZES, draw_set
from run import commit, machine

from longwave.prompting.label_model import LabelModel, MajorityVote

LOST = -0.5  # points


def main() -> None:
    options = parse()
    if options.table:
        show(json.loads(options.table.read_text("utf-8")))
        return
    logging.disable(logging.WARNING)
    record: dict = {"machine": machine(), "commit": options.commit or commit(), "seeds": options.seeds}
    record |= {"is_held_out": not options.tuning, "families": {}}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for family in options.families:
        sets = [measure(family, seed, is_held_out=not options.tuning) for seed in range(*options.seeds)]
        record["families"][family] = sets
        options.out.write_text(write(record), "utf-8")
        print(family, file=sys.stderr, flush=True)
    show(record)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs=2, metavar=("FIRST", "END"), default=(0, 60))
    parser.add_argument("--families", nargs="+", choices=sorted(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--tuning", action="store_true", help="sets that are not held out")
    parser.add_argument("--out", type=Path, default=Path("runs/label_models/losses.json"))
    parser.add_argument("--table", type=Path, help="show this JSON file")
    parser.add_argument("--commit", help="recorded when git is not at hand")
    return parser.parse_args()


def measure(family: str, seed: int, *, is_held_out: bool) -> list[float | int | str]:
    """Return size, and how far ours and the oracle are above majority vote, in points; what was fitted."""
    drawn = draw_set(family, seed, is_held_out=is_held_out)
    k = drawn.source.n_classes
    majority = drawn.accuracy(MajorityVote(k).fit(drawn.votes).predict_proba(drawn.votes))
    model = LabelModel(k).fit(drawn.votes)
    ours = drawn.accuracy(model.predict_proba(drawn.votes))
    oracle = drawn.oracle_accuracy()
    gains = [round(100 * (each - majority), 2) for each in (ours, oracle)]
    n_spurious = len(set(model.edges_) - drawn.source.edges)
    return [len(drawn.votes), *gains, model.kind_, n_spurious]


def write(record: dict) -> str:
    """Return JSON with a line for each family."""
    lines = [f"{json.dumps(name)}: {json.dumps(sets)}" for name, sets in record["families"].items()]
    head = json.dumps({name: value for name, value in record.items() if name != "families"})
    return head[:-1] + ',\n "families": {\n  ' + ",\n  ".join(lines) + "\n }}\n"


def show(record: dict) -> None:
    """Print one table by family and one by size."""
    rows = [(family, *each) for family, sets in record["families"].items() for each in sets]
    heads = [
        "sets",
        "",
        "gain",
        "oracle's",
        "lost, %",
        "oracle's",
        "by > 3 points",
        "worst",
        "oracle's",
        "spurious",
    ]
    print("| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
    for family in record["families"]:
        show_line(family, [row for row in rows if row[0] == family])
    for n in SIZES:
        show_line(f"{n} rows", [row for row in rows if row[1] == n])
    show_line("all", rows)


def show_line(name: str, rows: list[tuple]) -> None:
    if not rows:
        return
    ours, oracle = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
    lost, floor = (100 * float((each < LOST).mean()) for each in (ours, oracle))
    words = [
        name,
        str(len(rows)),
        f"{ours.mean():.2f}",
        f"{oracle.mean():.2f}",
        f"{lost:.1f}",
        f"{floor:.1f}",
    ]
    words += [str(int((ours < -3).sum())), f"{ours.min():.1f}", f"{oracle.min():.1f}"]
    print("| " + " | ".join([*words, str(sum(row[5] > 0 for row in rows))]) + " |")


if __name__ == "__main__":
    main()
