"""Compare label models on generated votes whose truth is known: accuracy, dependencies, calibration, time.

    python benchmarks/label_models/run.py                  # all sets, about half an hour of one core
    python benchmarks/label_models/run.py --quick          # three seeds, n = 250 and 1000, a minute
    python benchmarks/label_models/run.py --peers FOLDER   # where snorkel and crowd-kit are installed
    python benchmarks/label_models/run.py --only-times
    python benchmarks/label_models/run.py --table FILE     # the tables of a result, no measuring

Seeds 100-119 were fixed before the models were written; 0-39 served for development. Every method is given
the same votes and the number of classes, no label and no class balance. snorkel (``pip install snorkel``) and
crowd-kit (``pip install crowd-kit``) are left out where they are not installed. Times are CPU seconds: run
it with OMP_NUM_THREADS=1. Writes one JSON file as it goes.
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longwave.metrics import expected_calibration_error
from longwave.prompting.label_model import (
    GENERATORS,
    DawidSkene,
    LabelModel,
    MajorityVote,
    TripletModel,
    VoteSet,
    VoteSource,
    make_votes,
)
from longwave.prompting.label_model.sources import clique, confusion, single

HERE = Path(__file__).parent
SIZES = (250, 1000, 5000)
SEEDS = (100, 119)
PEER_SEEDS = {"snorkel": 20, "snorkel-1000": 2, "crowd-kit": 5}  # the slow ones see the first few only
Votes = NDArray[np.int64]
Proba = NDArray[np.float64]
Method = Callable[[Votes, int], Proba]


def main() -> None:
    options = parse()
    if options.table:
        show(json.loads(options.table.read_text("utf-8")), print)
        return
    if options.peers:
        sys.path.append(str(options.peers))
    started = time.perf_counter()
    record: dict = {"machine": machine(), "commit": options.commit or commit()}
    record |= {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "seeds": [options.seeds[0], options.seeds[-1]]}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if not options.only_times:
        record["cells"] = []
        for cells in compare(options):
            record["cells"] += cells
            options.out.write_text(write(record), "utf-8")  # what is measured is kept
    record |= {"times": time_models(options), "wall_s": round(time.perf_counter() - started)}
    text = write(record)
    options.out.write_text(text, "utf-8")
    show(record, options.say)
    print(f"{record['wall_s']} s; written to {options.out}", file=sys.stderr)
    if options.json:
        sys.stdout.write(text)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cpu",), default="cpu", help="label models need no other")
    parser.add_argument("--quick", action="store_true", help="three seeds, two sizes, no large vote sets")
    parser.add_argument("--seeds", type=int, nargs=2, metavar=("FIRST", "LAST"), default=SEEDS)
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--sets", nargs="+", choices=sorted(GENERATORS), default=list(GENERATORS))
    parser.add_argument("--peers", type=Path, help="folder of packages with snorkel and crowd-kit")
    parser.add_argument("--only-times", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("runs/label_models"), help="JSON file or its folder")
    parser.add_argument("--json", action="store_true", help="print the record, the tables to stderr")
    parser.add_argument("--table", type=Path, help="show this JSON file")
    parser.add_argument("--commit", help="recorded when git is not at hand")
    options = parser.parse_args()
    options.sizes = options.sizes or (SIZES[:2] if options.quick else SIZES)
    first, last = options.seeds
    options.seeds = range(first, min(last, first + 2) + 1) if options.quick else range(first, last + 1)
    options.out = options.out if options.out.suffix == ".json" else options.out / "cpu.json"
    options.say = functools.partial(print, file=sys.stderr if options.json else sys.stdout, flush=True)
    return options


def compare(options: argparse.Namespace) -> Iterator[list[dict[str, object]]]:
    """Yield the cells of each set and size, one for each method."""
    for name in options.sets:
        for n in options.sizes:
            found: dict[str, list[dict]] = {}
            for place, seed in enumerate(options.seeds):
                drawn = make_votes(name, n, seed)
                found.setdefault("oracle", []).append({"accuracy": drawn.oracle_accuracy()})
                found.setdefault("longwave", []).append(measure_ours(drawn))
                for method, function in {**own_methods(), **peers(place)}.items():
                    found.setdefault(method, []).append(measure(function, drawn))
            yield [{"set": name, "n": n, "method": method, **pack(rows)} for method, rows in found.items()]
            print(f"{name} n={n}", file=sys.stderr, flush=True)


def measure_ours(drawn: VoteSet) -> dict[str, object]:
    """Return accuracy, calibration, time, and how well the dependencies were found."""
    start = time.process_time()
    model = LabelModel(drawn.source.n_classes).fit(drawn.votes)
    proba = model.predict_proba(drawn.votes)
    seconds = time.process_time() - start
    found, true = set(model.edges_), drawn.source.edges
    return {
        **quality(proba, drawn),
        "seconds": seconds,
        "kind": model.kind_,
        "edges": {"right": len(found & true), "spurious": len(found - true), "missed": len(true - found)},
    }


def measure(function: Method, drawn: VoteSet) -> dict[str, object]:
    start = time.process_time()
    proba = function(drawn.votes, drawn.source.n_classes)
    seconds = time.process_time() - start
    return {**quality(proba, drawn), "seconds": seconds}


def quality(proba: Proba, drawn: VoteSet) -> dict[str, object]:
    right = (proba.argmax(axis=1) == drawn.labels).astype(float)
    error = expected_calibration_error(np.clip(proba.max(axis=1), 0.0, 1.0), right)
    return {"accuracy": drawn.accuracy(proba), "ece": error}


def own_methods() -> dict[str, Method]:
    return {
        "majority": lambda votes, k: MajorityVote(k).fit(votes).predict_proba(votes),
        "dawid-skene": lambda votes, k: DawidSkene(k).fit(votes).predict_proba(votes),
        "triplet": lambda votes, k: TripletModel(k).fit(votes).predict_proba(votes),
        "longwave-none": lambda votes, k: LabelModel(k, "none").fit(votes).predict_proba(votes),
    }


def peers(place: int) -> dict[str, Method]:
    """Return the other projects' models that are installed, and are to see the seed in this place."""
    found: dict[str, Method] = {}
    if has("snorkel"):
        found["snorkel"] = functools.partial(run_snorkel, n_epochs=100)
        found["snorkel-1000"] = functools.partial(run_snorkel, n_epochs=1000)
    if has("crowdkit"):
        found["crowd-kit"] = run_crowd_kit
    return {name: function for name, function in found.items() if place < PEER_SEEDS[name]}


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def run_snorkel(votes: Votes, k: int, *, n_epochs: int) -> Proba:
    """Run its LabelModel with its own settings, but for the seed and the number of steps."""
    from snorkel.labeling.model import LabelModel as SnorkelLabelModel

    model = SnorkelLabelModel(cardinality=k, verbose=False)
    model.fit(votes, n_epochs=n_epochs, seed=0, progress_bar=False)
    return np.asarray(model.predict_proba(votes))


def run_crowd_kit(votes: Votes, k: int) -> Proba:
    """Run its Dawid-Skene; rows without a vote are uniform."""
    import pandas as pd
    from crowdkit.aggregation import DawidSkene as CrowdKitDawidSkene

    row, column = np.nonzero(votes >= 0)
    frame = pd.DataFrame({"task": row, "worker": column, "label": votes[row, column]})
    found = CrowdKitDawidSkene(n_iter=100).fit(frame).probas_
    proba = np.full((len(votes), k), 1 / k)
    proba[np.ix_(found.index.to_numpy(), found.columns.to_numpy())] = found.to_numpy()
    return proba


def time_models(options: argparse.Namespace) -> list[dict[str, object]]:
    """Time fit and predict: median of five after one, of one for the large sets."""
    rows = []
    for label, source, n in timed_sets(is_quick=options.quick):
        votes = source.sample(n, 0).votes
        k, runs = source.n_classes, []
        for _ in range(2 if options.quick else 6 if n < 100_000 else 1):
            start = time.process_time()
            LabelModel(k).fit(votes).predict_proba(votes)
            runs.append(time.process_time() - start)
        kept = runs[1:] or runs
        row = {"set": label, "seconds": statistics.median(kept), "spread": max(kept) - min(kept)}
        if has("snorkel") and n < 100_000:
            start = time.process_time()
            run_snorkel(votes, k, n_epochs=100)
            row["snorkel_seconds"] = time.process_time() - start
        rows.append({**row, "n": n, "m": source.n_prompts, "k": k, "runs": len(kept)})
        print(f"{label}: {row['seconds']:.3f} s", file=sys.stderr, flush=True)
    return rows


def timed_sets(*, is_quick: bool) -> list[tuple[str, VoteSource, int]]:
    rng = np.random.default_rng(0)

    def singles(m: int, low: float, high: float, k: int, abstain: float = 0.0) -> tuple:
        return tuple(single(confusion(a, k, abstain=abstain)) for a in rng.uniform(low, high, m).tolist())

    def copies(size: int, accuracy: float, k: int) -> object:
        return clique(confusion(accuracy, k), [confusion(accuracy, k)] * size, [0.85] * size)

    def source(k: int, *groups: object) -> VoteSource:
        return VoteSource(class_balance=np.full(k, 1 / k), groups=groups)

    found = [
        ("2 classes, 12 prompts", source(2, *singles(12, 0.55, 0.8, 2)), 5000),
        ("2 classes, 12 prompts, cliques of 4 and 3",
         source(2, copies(4, 0.6, 2), copies(3, 0.65, 2), *singles(5, 0.6, 0.8, 2)), 5000),
        ("2 classes, 12 prompts, 30 % abstentions", source(2, *singles(12, 0.55, 0.8, 2, 0.3)), 5000),
        ("14 classes, 3 prompts", source(14, *singles(3, 0.4, 0.7, 14)), 5000),
        ("14 classes, 12 prompts", source(14, *singles(12, 0.3, 0.6, 14)), 5000),
        ("14 classes, 7 prompts, a clique of 3",
         source(14, copies(3, 0.4, 14), *singles(4, 0.45, 0.75, 14)), 5000),
    ]  # fmt: skip
    if is_quick:
        return found
    return [
        *found,
        ("a million, 2 classes", source(2, *singles(10, 0.55, 0.8, 2)), 1_000_000),
        ("a million, 2 classes, 30 % abstentions", source(2, *singles(10, 0.55, 0.8, 2, 0.3)), 1_000_000),
        ("a million, 4 classes", source(4, *singles(10, 0.4, 0.7, 4)), 1_000_000),
    ]


def pack(rows: list[dict]) -> dict[str, object]:
    """Return the accuracies over seeds, and everything else as a mean, a median or a total."""
    cell: dict[str, object] = {"accuracy": [round(row["accuracy"], 4) for row in rows]}
    if "seconds" in rows[0]:
        cell["ece"] = round(statistics.mean(row["ece"] for row in rows), 4)
        cell["seconds"] = round(statistics.median(row["seconds"] for row in rows), 4)
    if "edges" in rows[0]:
        cell["edges"] = {key: sum(row["edges"][key] for row in rows) for key in rows[0]["edges"]}
        cell["exact"] = sum(not (row["edges"]["spurious"] or row["edges"]["missed"]) for row in rows)
        cell["kinds"] = Counter(row["kind"] for row in rows)
    return cell


def write(record: dict[str, object]) -> str:
    """Return JSON with a line for each cell."""
    lines = []
    for name, value in record.items():
        text = ",\n  ".join(json.dumps(each) for each in value) if isinstance(value, list) else ""
        lines.append(f"{json.dumps(name)}: " + (f"[\n  {text}\n ]" if text else json.dumps(value)))
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def show(record: dict, say: Callable[..., None]) -> None:
    """Print tables: accuracies as differences to the oracle in points, edges, times."""
    cells = {(cell["set"], cell["n"], cell["method"]): cell for cell in record.get("cells", [])}
    sets, sizes, methods = (list(dict.fromkeys(key[place] for key in cells)) for place in range(3))
    for n in sizes:
        say(
            f"\nn = {n}: accuracy of the oracle in %, then the difference to it in points, mean (worst seed);"
        )
        say("ours beside majority vote, worst seed; how many seeds' edges are exact\n")
        heads = ["set", *methods, "to majority", "exact"]
        say("| " + " | ".join(heads) + " |\n|" + " --- |" * len(heads))
        for name in sets:
            of = {method: cells[name, n, method] for method in methods if (name, n, method) in cells}
            truth = of["oracle"]["accuracy"]
            line = [name, f"{100 * statistics.mean(truth):.1f}"]
            line += [difference(of[each]["accuracy"], truth) if each in of else "" for each in methods[1:]]
            ours, majority = of["longwave"]["accuracy"], of["majority"]["accuracy"]
            worst = min(a - b for a, b in zip(ours, majority, strict=True))
            say(
                "| "
                + " | ".join([*line, f"{100 * worst:.1f}", f"{of['longwave']['exact']}/{len(ours)}"])
                + " |"
            )
    for n in sizes:
        edges = [cells[name, n, "longwave"]["edges"] for name in sets]
        right, spurious, missed = (sum(each[key] for each in edges) for key in edges[0])
        say(f"\nn = {n}: {right} edges found, {spurious} spurious, {missed} missed")
    for row in record.get("times", []):
        peer = f" {row['snorkel_seconds']:.2f} |" if "snorkel_seconds" in row else " |"
        say(f"| {row['set']} | {row['n']} | {row['seconds']:.3f} ±{row['spread'] / 2:.3f} |" + peer)


def difference(found: list[float], truth: list[float]) -> str:
    """Return mean and worst of the differences in points; slow peers have the first seeds only."""
    gaps = [100 * (a - b) for a, b in zip(found, truth, strict=False)]
    return f"{statistics.mean(gaps):.1f} ({min(gaps):.1f})"


def machine() -> dict[str, object]:
    names = ("numpy", "torch", "snorkel", "crowd-kit")
    return {
        "device": platform.machine(),
        "cpu_cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }


def version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit() -> str:
    words = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
