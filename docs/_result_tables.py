"""Make the tables of the results page from the records of benchmarks/: a function for each folder."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Record = dict[str, Any]
Table = tuple[str, list[str], list[list[str]]]  # caption, head, rows
ADAPTER_DATA = ("generator", "captionbirds", "clinc-domains", "hatecheck")
OPERATORS = ("hyena", "attention", "h3", "s4d", "hyena-conv1d", "long-conv")
LONG = ("operator", "steps", "tokens", "updates", "accuracy, %", "floor: most frequent value")
RIVALS = ("majority", "dawid-skene", "triplet", "snorkel", "crowd-kit")


def three(value: float | None) -> str:
    """Write a number with three significant digits."""
    if value is None:
        return ""
    return f"{value:#.3g}".rstrip(".") if abs(value) < 100 else f"{value:.0f}"


def percent(value: float | None) -> str:
    """Write a share in percent, with one decimal."""
    return "" if value is None else f"{100 * value:.1f}"


def mean(values: Iterable[float], scale: float = 1) -> str:
    """Write the mean of some values, with their standard deviation where there are several; one decimal."""
    found = [scale * value for value in values]
    if not found:
        return ""
    spread = f" ± {statistics.stdev(found):.1f}" if len(found) > 1 else ""
    return f"{statistics.mean(found):.1f}{spread}"


def machine(record: Record) -> str:
    """Name the machine and the day of a record."""
    where = record.get("machine") or record.get("device") or {}
    if isinstance(where, dict):
        where = (
            where.get("gpu")
            or where.get("cpu")
            or where.get("device")
            or where.get("processor")
            or where.get("machine")
        )
    date = str(record.get("date") or (record.get("machine") or {}).get("date", ""))[:10]
    return ", ".join(filter(None, [str(where), date]))


def read(folder: Path, name: str) -> Any:
    """Read one record of a benchmark."""
    return json.loads((folder / "results" / name).read_text("utf-8"))


def adapters(folder: Path) -> list[Table]:
    """Tell the worst group by method and data."""
    runs = [json.loads(path.read_text("utf-8")) for path in sorted((folder / "results").glob("*-seed*.json"))]
    methods = dict.fromkeys(run["method"] for run in runs)
    order = sorted(methods, key=lambda name: [-len({r["data"] for r in runs if r["method"] == name}), name])
    rows = []
    for method in order:
        cells = [
            [r["worst"] for r in runs if (r["method"], r["data"]) == (method, data)] for data in ADAPTER_DATA
        ]
        rows.append([method, *(mean(found, 100) for found in cells)])
    caption = (
        f"Accuracy of the worst group on test, %, mean ± standard deviation over seeds ({machine(runs[0])})"
    )
    return [(caption, ["method", *ADAPTER_DATA], rows)]


def books_lm(folder: Path) -> list[Table]:
    """Tell the bits per byte of language models."""
    runs = [json.loads(path.read_text("utf-8")) for path in sorted((folder / "results").glob("*m-*.json"))]
    runs.sort(key=lambda run: (run["size"] != "9m", run["model"], run["config"]["optim"]["lr"], run["seed"]))
    rows = []
    for run in runs:
        scores = [
            ((run.get("scores") or {}).get(split) or {}).get("bits_per_byte")
            for split in ("validation", "test")
        ]
        rows.append(
            [
                run["size"].upper().replace("M", " M"),
                run["model"],
                str(run["config"]["optim"]["lr"]),
                str(run["seed"]),
                f"{run['parameters'] / 1e6:.1f} M",
                f"{run['forward_flops_per_token'] / 1e6:.1f} M",
                *("" if score is None else f"{score:.3f}" for score in scores),
            ]
        )
    head = ["size", "model", "rate", "seed", "parameters", "FLOPs a token", "validation", "test"]
    return [(f"Bits per byte ({', '.join(sorted({machine(run) for run in runs}))})", head, rows)]


def generation(folder: Path) -> list[Table]:
    """Compare steps of decoding by whole models."""
    gpu, cpu = read(folder, "cuda.json"), read(folder, "cpu.json")
    graphs = [each for each in gpu["entries"] if each["graphs"] and each["model"] != "hyena"]
    rows = []
    for prompt in sorted({each["prompt"] for each in graphs}):
        pair = {each["model"]: each for each in graphs if each["prompt"] == prompt}
        plain, hybrid = pair["transformer"], pair["hybrid-h3"]
        rows.append(
            [
                f"{prompt:,}",
                str(plain["batch"]),
                three(plain["step_ms"]),
                three(hybrid["step_ms"]),
                f"{plain['step_ms'] / hybrid['step_ms']:.2f}",
                f"{gpu['claims'][f'hybrid-h3 over transformer at {prompt}, in all']:.2f}",
            ]
        )
    head = [
        "prompt",
        "batch",
        "Transformer, ms a step",
        "hybrid H3, ms a step",
        "ratio",
        "ratio with the prompt read",
    ]
    claims = [[name, f"{value:.2f}"] for name, value in cpu["claims"].items()]
    return [
        (f"Models of 1.3 B ({machine(gpu)})", head, rows),
        (f"Hyena, a small model, on a CPU ({machine(cpu)})", ["ratio", "found"], claims),
    ]


def harness_overhead(folder: Path) -> list[Table]:
    """Tell what a harness costs by itself."""
    record = read(folder, "cpu.json")
    rows = []
    for name, each in record["harnesses"].items():
        fresh = each["cases"].get("fresh", {})
        rows.append(
            [
                name,
                each["version"],
                three(fresh.get("seconds")),
                three(fresh.get("cpu_s")),
                three(fresh.get("peak_mb")),
                three(each["cases"]["help"]["seconds"]),
                str(each["install"]["packages"]),
                three(each["install"]["mb"]),
            ]
        )
    head = [
        "harness",
        "version",
        "s",
        "s of processor",
        "peak, MB",
        "`--help`, s",
        "packages",
        "MB installed",
    ]
    return [
        (f"{record['count']:,} questions, medians of {record['repeats']} ({machine(record)})", head, rows)
    ]


def label_models(folder: Path) -> list[Table]:
    """Tell how far the label model and its rivals are from the oracle."""
    record = read(folder, "cpu.json")
    cells = {(each["set"], each["n"], each["method"]): each["accuracy"] for each in record["cells"]}
    rows = []
    for n in sorted({n for _, n, _ in cells}):
        row = [f"{n:,}"]
        for method in ("longwave", *RIVALS):
            found = [
                100 * (statistics.mean(accuracy) - statistics.mean(cells[name, n, "oracle"][: len(accuracy)]))
                for (name, size, by), accuracy in cells.items()
                if (size, by) == (n, method)
            ]
            row.append(f"{statistics.mean(found):.1f} ({min(found):.1f})")
        rows.append(row)
    n_sets = len({name for name, _, _ in cells})
    caption = f"Points to the oracle, mean over {n_sets} kinds of votes (the worst kind); {machine(record)}"
    return [(caption, ["rows", "Longwave", *RIVALS], rows)]


def long_conv(folder: Path) -> list[Table]:
    """Time the long convolution against length."""
    tables = []
    for name, peers in (
        ("cuda.json", ("torch-fft", "torch-fft-half", "flash-fft-conv-fp16", "cudnn-attention-128")),
        ("cpu.json", ("torch-fft",)),
    ):
        record = read(folder, name)
        found = {
            (row["length"], row["name"]): row
            for row in record["rows"]
            if row["what"] in ("conv", "attention")
        }
        rows = []
        for length in sorted({length for length, who in found if who == "ours"}):
            cells = [found.get((length, who)) for who in ("ours", *peers)]
            rows.append([f"{length:,}", *(_forward_and_backward(cell) for cell in cells)])
        caption = (
            f"Milliseconds, forward / forward and backward; {record['protocol']['shape']} ({machine(record)})"
        )
        tables.append((caption, ["length", "Longwave", *(f"`{peer}`" for peer in peers)], rows))
    return tables


def _forward_and_backward(row: Record | None) -> str:
    parts = [(row or {}).get(way, {}).get("median_ms") for way in ("forward", "forward_backward")]
    return " / ".join(three(part) for part in parts if part is not None)


def monitoring(folder: Path) -> list[Table]:
    """Tell the seconds of an analysis, and what a policy saves."""
    record, choice = read(folder, "analysis.json"), read(folder, "choose.json")
    case = record["cases"][0]
    rows = [
        [
            name,
            three(statistics.median(case["seconds"][name])),
            three(statistics.median(case["cpu_seconds"][name])),
        ]
        for name in case["seconds"]
    ]
    saved = [
        [
            name,
            f"{each['rows']:,}",
            each["best"],
            percent(each["saving"]["estimate"]),
            "{estimate:+.2f} ({low:+.2f} to {high:+.2f})".format(**each["difference_pp"]),
        ]
        for name, each in choice["data"].items()
    ]
    return [
        (
            f"{case['rows']:,} predictions analysed, medians ({machine(record)})",
            ["method", "s", "s of processor"],
            rows,
        ),
        (
            "A policy over services beside the best of them, on rows it was not made from",
            ["data", "rows", "best service", "% of its price saved", "points gained or lost"],
            saved,
        ),
    ]


def online_conv(folder: Path) -> list[Table]:
    """Tell the time of a token against length."""
    record = read(folder, "cpu.json")
    methods = ("rerun", "dot", "lazy", "relaxed")
    found = {(row["D"], row["B"], row["L"], row["method"]): row["ms_per_token"] for row in record["rows"]}
    rows = [
        [f"{length:,}", *(three(found.get((512, 1, length, method))) for method in methods)]
        for length in sorted({length for width, batch, length, _ in found if (width, batch) == (512, 1)})
    ]
    return [(f"Milliseconds a token, width 512, batch 1 ({machine(record)})", ["length", *methods], rows)]


def operator_learning(folder: Path) -> list[Table]:
    """Tell errors and times of operators on fields."""
    accuracy, speed = read(folder, "cuda-accuracy.json"), read(folder, "cuda-speed.json")
    tasks = sorted({row["task"] for row in accuracy["rows"]})
    by = {
        (row["model"], row["task"]): row["relative_l2"]
        for row in accuracy["rows"]
        if row["budget"] == "epochs"
    }
    errors = [
        [model, *(f"{100 * by[model, task]:.2f}" if (model, task) in by else "" for task in tasks)]
        for model in dict.fromkeys(model for model, _ in by)
    ]
    steps = [
        [
            f"{row['n']} x {row['n']}",
            str(row["batch"]),
            row["model"],
            row["mode"],
            three(row["train_ms"]),
            three(row["infer_ms"]),
        ]
        for row in speed["rows"]
        if row["group"] == "equal"
    ]
    return [
        (f"Relative L2 on test, %, mean of three seeds ({machine(accuracy)})", ["model", *tasks], errors),
        (
            f"Milliseconds ({machine(speed)})",
            ["grid", "batch", "model", "mode", "training step", "inference"],
            steps,
        ),
    ]


def recall(folder: Path) -> list[Table]:
    """Tell the accuracy of recall by operator and vocabulary."""
    runs = read(folder, "cuda-L2048.json")
    vocabularies = sorted({run["vocab_size"] for run in runs})
    rows = []
    for mixer in OPERATORS:
        for rate in sorted({run["lr"] for run in runs if run["mixer"] == mixer}):
            found = [
                [r["accuracy"] for r in runs if (r["mixer"], r["lr"], r["vocab_size"]) == (mixer, rate, size)]
                for size in vocabularies
            ]
            rows.append([mixer, str(rate), *(", ".join(percent(value) for value in each) for each in found)])
    floors = [
        next(r["floors"]["majority_value"] for r in runs if r["vocab_size"] == size) for size in vocabularies
    ]
    rows.append(["floor: most frequent value", "", *map(percent, floors)])
    long = [
        [
            run["mixer"],
            f"{run['length']:,}",
            str(run["vocab_size"]),
            f"{run['steps']:,} of {run['steps_planned']:,}, batch {run['batch_size']}",
            percent(run["accuracy"]),
            percent(run["floors"]["majority_value"]),
        ]
        for run in read(folder, "cuda-long.json")
    ]
    return [
        (
            f"2048 steps, accuracy in %, one number a seed ({machine(runs[0])})",
            ["operator", "rate", *(f"{size} tokens" for size in vocabularies)],
            rows,
        ),
        ("Longer sequences, one seed each", [*LONG], long),
    ]


def resolution(folder: Path) -> list[Table]:
    """Tell the accuracy on grids that were not trained on."""
    record = read(folder, "cuda.json")
    runs = [
        run for run in record["runs"] + read(folder, "cpu-seed2.json")["runs"] if run["study"] == "zero-shot"
    ]
    points = sorted({answer["points"] for run in runs for answer in run["answers"]})
    rows = []
    for model in dict.fromkeys(run["model"] for run in runs):
        for is_shrunk in (False, True):
            found = [
                [
                    answer["accuracy"]
                    for run in runs
                    if run["model"] == model
                    for answer in run["answers"]
                    if (answer["points"], answer["is_shrunk"], answer["bandlimit_at_test"])
                    == (size, is_shrunk, "model")
                ]
                for size in points
            ]
            rows.append([model + ", images shrunk first" * is_shrunk, *(mean(each, 100) for each in found)])
    where = machine(record["runs"][0])
    caption = f"MNIST, trained at {points[0]} x {points[0]}: accuracy in % by the grid of the test ({where})"
    return [(caption, ["model", *(f"{size} x {size}" for size in points)], rows)]


TABLES: dict[str, Callable[[Path], list[Table]]] = {
    each.__name__: each
    for each in (
        adapters,
        books_lm,
        generation,
        harness_overhead,
        label_models,
        long_conv,
        monitoring,
        online_conv,
        operator_learning,
        recall,
        resolution,
    )
}
