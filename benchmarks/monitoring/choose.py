"""What a policy over several services saves, on halves of the rows that it was not made from.

    python benchmarks/monitoring/choose.py                       # all datasets of classes, a few minutes
    python benchmarks/monitoring/choose.py --data rafdb --seeds 20
    python benchmarks/monitoring/choose.py --table               # the table of the results, no measuring

A policy is made from one half to match the best single service there, and judged on the other half, where its
score is compared with that service's on the same rows. Adds to one JSON file as it goes.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from estimate import commit, machine

from longwave.monitoring import Services, budget_curve, cross_validate, load_sample, select

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "choose.json"
DATA = {
    **dict.fromkeys(("rafdb", "ferplus", "expw"), "fer"),
    **dict.fromkeys(("command", "digit", "amnist", "fluent"), "scr"),
    **dict.fromkeys(("imdb", "yelp", "waimai"), "sa"),
}


def main() -> None:
    options = parse()
    record = json.loads(options.out.read_text("utf-8")) if options.out.exists() else {}
    if options.table:
        show(record)
        return
    record |= {"machine": machine(), "commit": commit(), "date": datetime.now(UTC).date().isoformat()}
    store = load_sample()
    for data in options.data:
        services = Services.from_store(store, task=DATA[data], dataset=data)
        record.setdefault("data", {})[data] = measure(services, options.seeds)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    show(record)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="show the results")
    return parser.parse_args()


def measure(services: Services, seeds: int) -> dict[str, object]:
    start = time.process_time()
    found = cross_validate(services, seeds=seeds)
    curve = budget_curve(services, seeds=min(seeds, 5))
    return {
        "rows": services.n_rows,
        "seeds": seeds,
        "best": found.best,
        "best_price": float(found.splits["best_price"][0]),
        "saving": vars(found.saving),
        "difference_pp": vars(found.difference_pp),
        "gain_at_its_price_pp": vars(found.gain_pp),
        "curve": curve.to_dict(as_series=False),
        "policy": select(services).describe().splitlines(),
        "cpu_s": time.process_time() - start,
    }


def show(record: dict) -> None:
    """Print savings and differences."""
    head = [
        "data",
        "rows",
        "best single service",
        "its price",
        "saved",
        "95 %",
        "score minus its, points",
        "95 %",
    ]
    head.append("gain at its price, points")
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for data, found in record.get("data", {}).items():
        saving, difference = found["saving"], found["difference_pp"]
        words = [data, f"{found['rows']:,}", found["best"], f"{found['best_price']:g}"]
        words += [f"{saving['estimate']:.1%}", f"{saving['low']:.1%} to {saving['high']:.1%}"]
        words += [f"{difference['estimate']:+.2f}", f"{difference['low']:+.2f} to {difference['high']:+.2f}"]
        gain = found["gain_at_its_price_pp"]
        words.append(f"{gain['estimate']:+.2f} ({gain['low']:+.2f} to {gain['high']:+.2f})")
        print("| " + " | ".join(words) + " |")


if __name__ == "__main__":
    main()
