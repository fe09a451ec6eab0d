"""Time the generation of L tokens through one long convolution, in every mode and in two other ways.

    python benchmarks/online_conv/run.py                          # this machine's CPU, about 6 minutes
    python benchmarks/online_conv/run.py --device cuda --quick    # a GPU, about a minute
    python benchmarks/online_conv/run.py --blocks                 # tiles from which size on?
    python benchmarks/online_conv/run.py --plot FILE.json         # the figure of a result, no measuring

"rerun" is the whole FFT convolution of all inputs so far at every token, "dot" a cache of inputs and one
product and sum a token in plain torch. Each is given the same input. Writes one JSON file.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from longwave.ops.long_conv import long_conv
from longwave.ops.long_conv.online import OnlineConv, OnlineConvGroup, choose

HERE = Path(__file__).parent
MODES = ("lazy", "epoched", "relaxed", "auto")
METHODS = ("rerun", "dot", *MODES)
SIZES = ((64, 1), (64, 8), (512, 1), (512, 8))  # D, B
LENGTHS = (128, 256, 512, 1024, 2048, 4096, 16384)
BLOCKS = (16, 32, 64, 128, 256, 512)
LAYERS = 8
WARM_UP = 20
MIN_STEPS = 120

Step = Callable[[Tensor], Tensor]


def main() -> None:
    options = parse()
    if options.plot:
        draw(json.loads(options.plot.read_text("utf-8")), options.plot.with_suffix(".svg"))
        return
    torch.manual_seed(0)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    started = time.perf_counter()
    result: dict[str, object] = {"machine": machine(device), "commit": options.commit or commit()}
    if options.blocks:
        result["blocks"] = time_blocks(device, options)
    else:
        result["rows"] = time_modes(device, options)
        result["layers"] = time_layers(device, options)
    result |= {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "wall_s": time.perf_counter() - started}
    text = json.dumps(result, indent=1) + "\n"
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(text, "utf-8")
    print(f"{result['wall_s']:.0f} s; written to {options.out}", file=sys.stderr)
    if options.json:
        sys.stdout.write(text)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and lengths, shorter budgets")
    parser.add_argument("--blocks", action="store_true", help="time the relaxed mode's smallest tile instead")
    parser.add_argument("--lengths", nargs="+", type=int)
    parser.add_argument("--budget", type=float, help="seconds a case; a longer one is extrapolated by a line")
    parser.add_argument("--threads", type=int, help="of torch on the CPU")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/online_conv"), help="the JSON file or its folder"
    )
    parser.add_argument("--json", action="store_true", help="print the record, the table to stderr")
    parser.add_argument("--plot", type=Path, help="draw this JSON file")
    parser.add_argument("--commit", help="recorded when git is not at hand")
    options = parser.parse_args()
    name = f"{options.device.replace(':', '')}{'-blocks' if options.blocks else ''}.json"
    options.out = options.out if options.out.suffix == ".json" else options.out / name
    options.say = functools.partial(print, file=sys.stderr if options.json else sys.stdout, flush=True)
    options.budget = options.budget or (1.2 if options.quick else 4.0)
    options.lengths = options.lengths or ((1024, 4096, 16384) if options.quick else LENGTHS)
    options.sizes = ((64, 1), (512, 8)) if options.quick else SIZES
    return options


def time_modes(device: torch.device, options: argparse.Namespace) -> list[dict[str, object]]:
    say = options.say
    say("ms a token, mean over L tokens (worst token); ~ means extrapolated or sampled")
    say(" " * 19 + "".join(f"{method:>18}" for method in METHODS))
    rows = []
    for width, batch in options.sizes:
        for length in options.lengths:
            say(f"D{width:<4} B{batch:<2} L{length:<7}", end="")
            k = torch.randn(width, length, device=device) / length**0.5
            u = torch.randn(batch, width, length, device=device)
            for method in METHODS:
                row = time_rerun(u, k, options) if method == "rerun" else time_method(method, u, k, options)
                rows.append({"D": width, "B": batch, "L": length, "method": method, **row})
                mark = "" if row["measured"] else "~"
                say(f"{mark}{row['ms_per_token']:.3f} ({row['ms_worst']:.1f})".rjust(18), end="")
            say()
    return rows


def time_method(method: str, u: Tensor, k: Tensor, options: argparse.Namespace) -> dict[str, object]:
    """Generate L tokens five times or more, as the budget allows; a first run warms up if there is time."""
    conv = None if method == "dot" else OnlineConv(k, u.shape[-1], method)
    budget = options.budget * (2 if options.quick and u.shape[-1] > 10_000 else 1)
    deadline = time.perf_counter() + budget
    # a line says nothing about tiles, so modes with tiles run to the end
    cut_off = deadline if options.quick or method in ("dot", "lazy") else float("inf")

    def once() -> np.ndarray:
        if conv is None:
            return step_times(dot_step(u, k), u, cut_off)
        conv.reset()
        return step_times(conv.step, u, cut_off)

    first = once()  # makes the spectra, too
    expected_s = first.sum() / 1e3
    runs = [] if expected_s < budget / 2 else [first]
    cap = 5 if expected_s > budget / 100 else 25  # short runs are disturbed more
    while not runs or (len(runs) < cap and time.perf_counter() + expected_s < deadline):
        runs.append(once())
    memory = {"mode": method, "mb": 0.0} if conv is None else {"mode": conv.mode, "mb": conv.nbytes / 2**20}
    return summarise(runs, u.shape[-1]) | memory


def dot_step(u: Tensor, k: Tensor) -> Step:
    """Return a step of the plain way: a cache of inputs and a product with the filter, last tap first."""
    cache, backwards, length = torch.empty_like(u), k.flip(-1), u.shape[-1]
    position = 0

    def step(u_t: Tensor) -> Tensor:
        nonlocal position
        cache[..., position] = u_t
        position += 1
        return torch.einsum("bdt,dt->bd", cache[..., :position], backwards[:, length - position :])

    return step


def step_times(step: Step, u: Tensor, deadline: float) -> np.ndarray:
    """Return the milliseconds of each step, until the deadline."""
    inputs = [u_t.contiguous() for u_t in u.unbind(-1)]
    if u.device.type == "cuda":
        marks = [torch.cuda.Event(enable_timing=True)]
        torch.cuda.synchronize()
        marks[0].record()
        for number, u_t in enumerate(inputs):
            step(u_t)
            marks.append(torch.cuda.Event(enable_timing=True))
            marks[-1].record()
            if number % 256 == 255:
                marks[-1].synchronize()  # or the queue of unfinished steps would outrun the deadline
                if time.perf_counter() > deadline:
                    break
        torch.cuda.synchronize()
        return np.array([a.elapsed_time(b) for a, b in itertools.pairwise(marks)])
    times = [time.perf_counter()]
    for u_t in inputs:
        step(u_t)
        times.append(time.perf_counter())
        if times[-1] > deadline and len(times) > MIN_STEPS:
            break
    return np.diff(times) * 1e3


def summarise(runs: list[np.ndarray], length: int) -> dict[str, object]:
    """Return mean, worst and late step; a run that did not get to its end goes on as a straight line."""
    totals, late = [], []
    for times in runs:
        steps = np.arange(len(times))
        rest = np.arange(len(times), length)
        slope, height = np.polyfit(steps[WARM_UP:], times[WARM_UP:], 1)
        totals.append(float(times.sum() + (height + slope * rest).sum()))
        late.append(float(np.median(times[-max(1, len(times) // 8) :])))
    shape = [float(np.median(part)) for part in np.array_split(runs[0], 16)]
    return {
        "measured": all(len(times) == length for times in runs),
        "ms_per_token": statistics.median(totals) / length,
        "spread": (max(totals) - min(totals)) / statistics.median(totals),
        "total_s": statistics.median(totals) / 1e3,
        "ms_worst": float(min(times[WARM_UP:].max() for times in runs)),
        "ms_late": statistics.median(late),
        "ms_along": shape,
        "runs": len(runs),
    }


def time_rerun(u: Tensor, k: Tensor, options: argparse.Namespace) -> dict[str, object]:
    """Time the whole convolution at nine lengths and sum over all lengths between them."""
    length = u.shape[-1]
    positions = np.unique(np.geomspace(8, length, 9).astype(int))
    times = []
    for t in positions:
        chunk, taps, found = u[..., :t].contiguous(), k[:, :t].contiguous(), []
        limit = time.perf_counter() + options.budget / 16
        while len(found) < 3 or (len(found) < 20 and time.perf_counter() < limit):
            synchronize(u.device)
            start = time.perf_counter()
            long_conv(chunk, taps, backend="fft")
            synchronize(u.device)
            found.append((time.perf_counter() - start) * 1e3)
        times.append(statistics.median(found))
    each = np.interp(np.arange(1, length + 1), positions, times)
    return {
        "measured": False,
        "ms_per_token": float(each.mean()),
        "spread": 0.0,
        "total_s": float(each.sum() / 1e3),
        "ms_worst": float(each[-1]),
        "ms_late": float(each[-1]),
        "ms_along": [float(np.median(part)) for part in np.array_split(each, 16)],
        "runs": 1,
        "mode": "rerun",
        "mb": 0.0,
    }


def time_layers(device: torch.device, options: argparse.Namespace) -> list[dict[str, object]]:
    """Time a stack of layers, relaxed, alone and as a group."""
    rows = []
    width, batch, length = 512, 1, min(4096, max(options.lengths))
    k = torch.randn(width, length, device=device) / length**0.5
    u = torch.randn(batch, width, length, device=device)
    for grouped in (False, True):
        convs = [OnlineConv(k, length, "relaxed") for _ in range(LAYERS)]
        group = OnlineConvGroup(convs) if grouped else None

        def step(u_t: Tensor, convs: list[OnlineConv] = convs) -> Tensor:
            for conv in convs:
                u_t = conv.step(u_t)
            return u_t

        step_times(step, u, float("inf"))  # makes the spectra
        for conv in convs:
            conv.reset()
        row = summarise([step_times(step, u, time.perf_counter() + 4 * options.budget)], length)
        rows.append({"D": width, "B": batch, "L": length, "layers": LAYERS, "grouped": grouped, **row})
        mb = (group.nbytes if group else sum(conv.nbytes for conv in convs)) / 2**20
        options.say(
            f"{LAYERS} layers D{width} B{batch} L{length} {'grouped' if grouped else 'alone':8}"
            f"{row['ms_per_token']:.3f} ms a token, worst {row['ms_worst']:.1f} ms, {mb:.0f} MB"
        )
    return rows


def time_blocks(device: torch.device, options: argparse.Namespace) -> list[dict[str, object]]:
    """Time the relaxed mode with tiles from different sizes on."""
    say = options.say
    rows = []
    for width, batch in options.sizes:
        for length in options.lengths[-2:]:
            k = torch.randn(width, length, device=device) / length**0.5
            u = torch.randn(batch, width, length, device=device)
            say(f"D{width:<4} B{batch:<2} L{length:<7}", end="")
            for block in BLOCKS:
                choose.RELAXED_BLOCK[device.type] = block
                row = time_method("relaxed", u, k, options)
                rows.append({"D": width, "B": batch, "L": length, "block": block, **row})
                say(f"  {block}: {row['ms_per_token']:.4f}", end="")
            say()
    return rows


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def machine(device: torch.device) -> dict[str, object]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "device": name,
        "cpu_cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def commit() -> str:
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            check=True,
            cwd=HERE,
        ).stdout.strip()
    return "unknown"


def draw(result: dict[str, list[dict[str, object]]], path: Path) -> None:
    """Draw mean time per token against length, one panel a size."""
    import altair as alt

    rows = [row for row in result["rows"] if row["method"] != "auto"]
    for row in rows:
        row["size"] = f"D={row['D']}, B={row['B']}"
    colours = ["#999999", "#e69f00", "#56b4e9", "#009e73", "#d55e00"]  # safe for colour-blind eyes
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(point=True)
        .encode(
            x=alt.X("L:Q", scale=alt.Scale(type="log", base=2), title="tokens generated (log)"),
            y=alt.Y("ms_per_token:Q", scale=alt.Scale(type="log"), title="ms per token, mean (log)"),
            color=alt.Color("method:N", scale=alt.Scale(domain=METHODS[:-1], range=colours), title=None),
        )
    )
    panels = alt.Facet("size:N", columns=2, title=None)
    chart.properties(width=230, height=190).encode(facet=panels).save(str(path))
    print(f"written to {path}")


if __name__ == "__main__":
    main()
