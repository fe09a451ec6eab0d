"""How close a few chosen calls come to the true confusion shift, and whether its intervals hold it.

    python benchmarks/monitoring/estimate.py                       # everything, 200 seeds, half an hour
    python benchmarks/monitoring/estimate.py --data imdb --kinds one three
    python benchmarks/monitoring/estimate.py --stopping            # how often a stopping rule is wrong
    python benchmarks/monitoring/estimate.py --table               # the tables of the results, no measuring

Shifts are planted into real labels and predictions (`planted.py`), or are the two snapshots of LLM services.
Adds to one JSON file as it goes. Uniform sampling is estimated in three ways: *plain* is the difference of
the sample's confusion matrix to the known one, which is what uniform sampling means in the paper; *paired*
counts only what changed; *stratified* weights that by stratum. The last two know the earlier answers, as ours
does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from planted import KINDS, REAL, SETS, Case, load_case, table

from longwave.monitoring import ProbeConfig, Sampler, StopRule, load_sample

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "estimate.json"
BATCH = 25
FEW_SEEDS = 50  # of the proportional design, which is there for comparison only


def main() -> None:
    options = parse()
    record = json.loads(options.out.read_text("utf-8")) if options.out.exists() else {}
    if options.table:
        show(record)
        return
    record |= {"machine": machine(), "commit": commit(), "date": datetime.now(UTC).date().isoformat()}
    store = load_sample()
    for data in options.data:
        for kind in ["real"] if data in REAL else options.kinds:
            case = load_case(store, data, kind)
            if options.stopping:
                record.setdefault("stopping", {})[f"{data} {kind}"] = stopping(case, options.seeds)
            else:
                few, many = (100, 400) if data in REAL else (500, 2000)
                record.setdefault("cases", {})[f"{data} {kind}"] = measure(case, few, many, options.seeds)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    show(record)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", choices=[*SETS, *REAL], default=[*SETS, *REAL])
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--stopping", action="store_true", help="measure the stopping rule instead")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="show the results")
    return parser.parse_args()


def measure(case: Case, few: int, many: int, seeds: int) -> dict[str, object]:
    """Compare designs and estimates over seeds."""
    start = time.process_time()
    truth, rows = case.shift, len(case.labels)
    distances: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    held: dict[str, list[float]] = {}
    for seed in range(seeds):
        for design in ("adaptive", "masa", "proportional")[: 3 if seed < FEW_SEEDS else 2]:
            sampler = ask(case, few, design, seed)
            shrunk = sampler.estimate()
            plain = sampler.estimate(method="stratified", with_cells=False)
            for name, found in ((design, shrunk), (f"{design}, unshrunk", plain)):
                distances.setdefault(name, []).append(distance(found.shift, truth, sampler))
                errors.setdefault(name, []).append(100 * (found.delta.estimate - case.delta))
                held.setdefault(f"{name}: accuracy", []).append(holds(found.delta, case.delta))
                held.setdefault(f"{name}: churn", []).append(holds(found.churn, case.churn))
            cells = arranged(truth, sampler)
            inside = (shrunk.low - 1e-12 <= cells) & (cells <= shrunk.high + 1e-12)
            held.setdefault(f"{design}: all cells", []).append(float(inside.mean()))
            if (big := np.abs(cells) >= 0.001).any():
                held.setdefault(f"{design}: cells that moved 0.1 points", []).append(
                    float(inside[big].mean())
                )
            held.setdefault(f"{design}: width of accuracy, points", []).append(
                100 * (shrunk.delta.high - shrunk.delta.low)
            )
        sampler = ask(case, many, "uniform", seed)
        told = sampler.told
        seen = table(case.labels[told], case.after[told], case.n_classes)
        known = table(case.labels, case.before, case.n_classes)
        distances.setdefault("uniform, plain", []).append(float(np.linalg.norm(seen - known - truth)))
        for name in ("paired", "stratified"):
            found = sampler.estimate(method=name, with_cells=False)
            distances.setdefault(f"uniform, {name}", []).append(distance(found.shift, truth, sampler))
    return {
        "rows": rows,
        "few": few,
        "many": many,
        "seeds": seeds,
        "delta_pp": 100 * case.delta,
        "churn": case.churn,
        "frobenius": {name: float(np.mean(values)) for name, values in distances.items()},
        "bias_pp": {name: float(np.mean(values)) for name, values in errors.items()},
        "sd_pp": {name: float(np.std(values)) for name, values in errors.items()},
        "held": {name: float(np.mean(values)) for name, values in held.items()},
        "cpu_s": time.process_time() - start,
    }


def ask(case: Case, budget: int, design: str, seed: int) -> Sampler:
    """Spend a budget."""
    config = ProbeConfig(budget=budget, design=design, seed=seed)
    sampler = Sampler(case.labels, case.before, config=config)
    while len(rows := sampler.next(BATCH if design != "uniform" else budget)):
        sampler.tell(rows.tolist(), case.after[rows].tolist())
    return sampler


def arranged(matrix: np.ndarray, sampler: Sampler) -> np.ndarray:
    """Bring a matrix over codes into the order of a sampler's classes."""
    order = np.array([len(matrix) if name is None else name for name in sampler.classes])
    padded = np.zeros((len(matrix) + 1, len(matrix) + 1))
    padded[:-1, :-1] = matrix
    return padded[np.ix_(order, order)]


def distance(shift: np.ndarray, truth: np.ndarray, sampler: Sampler) -> float:
    """Return the Frobenius distance; cells of classes that were not seen count, too."""
    known = arranged(truth, sampler)
    missed = max(float((truth**2).sum() - (known**2).sum()), 0.0)
    return float(np.sqrt(((shift - known) ** 2).sum() + missed))


def holds(interval: object, value: float) -> float:
    return float(interval.low - 1e-12 <= value <= interval.high + 1e-12)


def stopping(case: Case, seeds: int) -> dict[str, object]:
    """Ask whether accuracy fell by more than it did less a point, exactly as it did, and a point more."""
    found: dict[str, object] = {"delta_pp": 100 * case.delta, "seeds": seeds}
    for offset in (-2.0, 0.0, 2.0):
        drop = -100 * case.delta + offset
        if drop <= 0:
            continue
        rule = StopRule(drop_pp=drop)
        calls, said = [], []
        for seed in range(seeds):
            sampler = Sampler(case.labels, case.before, config=ProbeConfig(budget=500, seed=seed))
            reason = None
            while reason is None and len(rows := sampler.next(BATCH)):
                sampler.tell(rows.tolist(), case.after[rows].tolist())
                reason = sampler.should_stop(rule)
            calls.append(sampler.n_told)
            said.append("none" if reason is None else "fell" if "fell by more" in reason else "held")
        found[f"asked for {offset:+.0f} points"] = {
            "drop_pp": drop,
            "mean_calls": float(np.mean(calls)),
            **{word: said.count(word) / seeds for word in ("fell", "held", "none")},
        }
    return found


def show(record: dict) -> None:
    """Print the distances, the coverage and the stopping rule."""
    names = ["adaptive", "masa", "proportional", "adaptive, unshrunk", "masa, unshrunk"]
    names += ["uniform, plain", "uniform, paired", "uniform, stratified"]
    head = ["data", "shift", "churn", "change, points", *names]
    print("Frobenius distance times 1000\n\n| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for key, case in record.get("cases", {}).items():
        words = [*key.split(" "), f"{case['churn']:.1%}", f"{case['delta_pp']:+.1f}"]
        print("| " + " | ".join([*words, *(f"{1000 * case['frobenius'][n]:.1f}" for n in names)]) + " |")
    columns = ["adaptive: accuracy", "adaptive: churn", "adaptive: all cells"]
    columns += [
        "adaptive: cells that moved 0.1 points",
        "adaptive, unshrunk: accuracy",
        "masa, unshrunk: accuracy",
    ]
    head = ["data", "shift", "bias, points", "sd", "unshrunk bias", "width, points", *columns]
    print("\nIntervals of 95 %\n\n| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for key, case in record.get("cases", {}).items():
        values = [
            case["bias_pp"]["adaptive"],
            case["sd_pp"]["adaptive"],
            case["bias_pp"]["adaptive, unshrunk"],
        ]
        words = [*key.split(" "), *(f"{value:+.2f}" for value in values)]
        words.append(f"{case['held']['adaptive: width of accuracy, points']:.1f}")
        words += [f"{case['held'][name]:.1%}" if name in case["held"] else "-" for name in columns]
        print("| " + " | ".join(words) + " |")
    for key, found in record.get("stopping", {}).items():
        print(f"\n{key}: accuracy changed by {found['delta_pp']:+.2f} points")
        for name, value in found.items():
            if isinstance(value, dict):
                print(f"  {name}: {json.dumps(value)}")


def machine() -> dict[str, object]:
    return {
        "device": platform.machine(),
        "cpu_cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def commit() -> str:
    words = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
