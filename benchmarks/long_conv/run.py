"""Time and memory of gated causal convolution against length: ours, torch's FFT, flash-fft-conv, attention.

    python benchmarks/long_conv/run.py --device cuda                 # everything, about 8 minutes
    python benchmarks/long_conv/run.py --device cuda --what conv,peers --lengths 1024 4096 --quick
    python benchmarks/long_conv/run.py --device cpu --threads 2

Progress goes to stderr, the tables (or --json: the whole record) to stdout at the end. The record is written
after every entry, so that a killed run keeps what it has. What cannot run leaves its reason in the record.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from competitors import BACKENDS, OURS, Competitor, own_backends, peers
from layers import attention_cases, mixer_cases, short_cases, short_floor_bytes
from problems import (
    Case,
    NotHereError,
    Problem,
    Signals,
    conv_case,
    draw,
    pick_channels,
    reference,
    relative_errors,
)
from records import AGAIN, MODES, Row, floor_ms, new_record, number, report
from resident import measure_resident
from timing import measure, peak_gib

from longwave.config import write_json

WHAT = ("conv", "peers", "short", "mixer", "attention")


@dataclass(frozen=True)
class Protocol:
    """What is measured on a kind of device when nothing else is asked for."""

    width: int
    tokens: int | None  # B L, or None where the batch is fixed
    batch: int
    dtype: torch.dtype
    lengths: tuple[int, ...]
    quick_lengths: tuple[int, ...]
    layer_lengths: tuple[int, ...]
    what: str

    def problem(self, length: int, device: str, is_gated: bool = True) -> Problem:
        batch = self.batch if self.tokens is None else max(1, self.tokens // length)
        return Problem(self.width, batch, length, self.dtype, device, is_gated)


KIBI = 1024
PROTOCOLS = {
    "cuda": Protocol(
        width=768,
        tokens=2**18,
        batch=1,
        dtype=torch.bfloat16,
        lengths=(*(KIBI * 2**i for i in range(9)), 1024 * KIBI),
        quick_lengths=(KIBI, 8 * KIBI, 64 * KIBI),
        layer_lengths=(4 * KIBI, 8 * KIBI, 64 * KIBI),
        what=",".join(WHAT),
    ),
    "cpu": Protocol(
        width=256,
        tokens=None,
        batch=8,
        dtype=torch.float32,
        lengths=tuple(KIBI * 2**i for i in range(7)),
        quick_lengths=(KIBI, 4 * KIBI),
        layer_lengths=(KIBI, 4 * KIBI),
        what="conv,peers",
    ),
}
LONGEST_ATTENTION = 256 * KIBI


def main() -> int:
    options = parse()
    torch.set_num_threads(options.threads)
    bench = Bench(options)
    code = 0
    try:
        bench.run()
    except KeyboardInterrupt:
        say("interrupted; what is finished is kept")
        code = 130
    bench.save()
    print(json.dumps(bench.record, indent=2) if options.json else report(bench.record), flush=True)
    say(f"record: {bench.path}")
    return code or (0 if any(row.get("forward") for row in bench.record["rows"]) else 1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=tuple(PROTOCOLS), help="cuda where there is one, else cpu")
    parser.add_argument("--what", help=f"of {','.join(WHAT)}; all on a GPU, conv,peers on a CPU")
    parser.add_argument("--lengths", nargs="+", type=int, help="of the convolutions and of attention alone")
    parser.add_argument("--layer-lengths", nargs="+", type=int, help="of the mixers and the short filter")
    parser.add_argument(
        "--compile-lengths", nargs="*", type=int, help="where others are compiled; 2048 8192 65536 by default"
    )
    parser.add_argument("--compile-ours", action="store_true", help="compile our mixer too, where others are")
    parser.add_argument("--backends", nargs="*", help="of ours, beside the automatic choice; all by default")
    parser.add_argument("--memory-lengths", nargs="*", type=int, help="on a CPU: lengths of peak memory")
    parser.add_argument("--plain", action="store_true", help="also without gates")
    parser.add_argument("--quick", action="store_true", help="few lengths, few repeats")
    parser.add_argument("--tiny", action="store_true", help="a rehearsal: width 8, batch 2")
    parser.add_argument("--entry-s", type=float, default=0.4, help="repeats of one timing last about so long")
    parser.add_argument("--budget-s", type=float, default=float("inf"), help="start nothing new after this")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of the CPU")
    parser.add_argument("--out", type=Path, default=Path("runs/long_conv"), help="a folder, or a .json file")
    parser.add_argument("--json", action="store_true", help="print the record as JSON")
    parser.add_argument("--commit", help="recorded when git is not at hand")
    options = parser.parse_args()
    options.device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch sees no GPU here; use --device cpu")
    if options.compile_lengths is None:
        options.compile_lengths = [] if options.quick else [2 * KIBI, 8 * KIBI, 64 * KIBI]
    options.what = (options.what or PROTOCOLS[options.device].what).split(",")
    if unknown := set(options.what) - set(WHAT):
        parser.error(f"--what {','.join(sorted(unknown))}: unknown; choose from {','.join(WHAT)}")
    return options


class Bench:
    """One run: entries one after the other, each surviving the failure of the others."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.device = options, options.device
        protocol = PROTOCOLS[options.device]
        self.protocol = replace(protocol, width=8, tokens=None, batch=2) if options.tiny else protocol
        self.lengths = options.lengths or (protocol.quick_lengths if options.quick else protocol.lengths)
        layer_lengths = protocol.layer_lengths[:2] if options.quick else protocol.layer_lengths
        self.layer_lengths = options.layer_lengths or layer_lengths
        self.entry_s = min(options.entry_s, 0.1) if options.quick else options.entry_s
        is_file = options.out.suffix == ".json"
        self.path = options.out if is_file else options.out / f"{options.device}.json"
        self.started = time.perf_counter()
        self.record = new_record(self.device, self._describe(), options.commit)

    def run(self) -> None:
        """Measure, the most telling first: what a budget cuts off is at the end."""
        self._yardsticks()
        self._convolutions(self._entries())
        for what, cases in self._layers():
            for length in self.lengths if what == "attention" else self.layer_lengths:
                for name, build in cases.items():
                    self._layer(what, name, build, self.protocol.problem(length, self.device))
        self._convolutions([(each.name, each) for each in self._backends()])

    def save(self) -> None:
        self.record["wall_s"] = round(time.perf_counter() - self.started, 1)
        write_json(self.path, self.record)

    def _describe(self) -> dict[str, object]:
        dtype = str(self.protocol.dtype).removeprefix("torch.")
        tokens = self.protocol.tokens
        batch = f"B = {tokens} / L, at least 1" if tokens else f"B = {self.protocol.batch}"
        return {
            "shape": f"width {self.protocol.width}, {batch}, {dtype}, float32 filter of L taps, causal",
            "forward": "under no_grad",
            "forward_backward": "with gradients of every input, filter and gate",
            "times": "median of repeats after at least 2 warm-up calls; CUDA events on a GPU",
            "memory": "peak above the inputs; on a CPU resident memory of a fresh process",
            "errors": "relative L2 against float64 FFTs on 4 channels, results in poisoned memory",
            "entry_s": self.entry_s,
            "arguments": sys.argv[1:],
        }

    def _yardsticks(self) -> None:
        """Measure the two ceilings: copying, and on a GPU a large matrix product."""
        size = 2**16 if self.options.tiny else 2**29 if self.device == "cuda" else 2**26
        source = torch.randn(size, device=self.device, dtype=self.protocol.dtype)
        target = torch.empty_like(source)
        copy = measure(lambda: target.copy_(source), self.device, self.entry_s)
        found = {"copy_gb_per_s": 2 * source.nbytes / copy.median_ms / 1e6}
        if self.device == "cuda" and not self.options.tiny:
            side = 8192
            factors = [torch.randn(side, side, device=self.device, dtype=torch.bfloat16) for _ in range(2)]
            product = measure(lambda: factors[0] @ factors[1], self.device, self.entry_s)
            found["product_tflop_per_s"] = 2 * side**3 / product.median_ms / 1e9
        self.record["yardsticks"] = found
        say("  ".join(f"{key} {number(value)}" for key, value in found.items()))

    def _convolutions(self, entries: list[tuple[str, Competitor]]) -> None:
        """Measure convolutions length by length, all of a length on the same signals."""
        for length in self.lengths if entries else ():
            for is_gated in (True, False) if self.options.plain else (True,):
                problem = self.protocol.problem(length, self.device, is_gated)
                shared = Shared(problem)
                for name, competitor in entries:
                    row = self._row("conv", name, problem) | {"is_gated": is_gated}
                    row["floor_ms"] = self._floor(problem.floor_bytes())
                    self._attempt(row, lambda row, one=competitor, all=shared: self._convolve(row, one, all))

    def _entries(self) -> list[tuple[str, Competitor]]:
        """Return ours, the others, and ours again, which shows how steady the machine is."""
        own = "conv" in self.options.what
        others = peers(self.options.compile_lengths) if "peers" in self.options.what else []
        entries = [(OURS.name, OURS)] if own else []
        entries += [(each.name, each) for each in others]
        return entries + ([(AGAIN, OURS)] if own and others else [])

    def _backends(self) -> list[Competitor]:
        if "conv" not in self.options.what:
            return []
        chosen = BACKENDS[self.device] if self.options.backends is None else self.options.backends
        return own_backends(chosen)

    def _convolve(self, row: Row, competitor: Competitor, shared: Shared) -> None:
        problem = shared.problem
        conv = competitor.build(problem)
        signals = shared.signals
        if competitor.dtype is not None and competitor.dtype != problem.dtype:
            signals = signals.to(competitor.dtype)
        case = conv_case(conv, signals)
        self._measure(row, case)
        if row["name"] != AGAIN:
            row["errors"], row["is_finite"] = relative_errors(case, shared.exact, shared.channels)
            self._measure_resident(row, problem)

    def _measure(self, row: Row, case: Case) -> None:
        """Fill in times and, on a GPU, memory; what was measured before a failure stays in the row."""
        for mode in MODES:
            call = getattr(case, mode)
            row[mode] = asdict(
                measure(call, self.device, self.entry_s, most=10 if self.options.quick else 30)
            )
            if self.device == "cuda":
                row.setdefault("memory_gib", {})[mode] = peak_gib(call)

    def _measure_resident(self, row: Row, problem: Problem) -> None:
        if self.device != "cpu" or problem.length not in (self.options.memory_lengths or ()):
            return
        if row["name"] == "torch-fft-compiled":  # the compiler's own memory would be counted
            return
        for mode in MODES:
            row.setdefault("memory_gib", {})[mode] = measure_resident(row["name"], mode, problem)

    def _layers(self) -> Iterator[tuple[str, dict[str, Callable[[Problem], Case]]]]:
        options = self.options
        if "short" in options.what:
            yield "short", short_cases()
        if "mixer" in options.what:
            yield "mixer", mixer_cases(options.compile_lengths, options.compile_ours)
        if "attention" in options.what:
            yield "attention", attention_cases()

    def _layer(self, what: str, name: str, build: Callable[[Problem], Case], problem: Problem) -> None:
        def fill(row: Row) -> None:
            if what == "attention" and problem.length > LONGEST_ATTENTION:
                raise NotHereError(f"not run beyond {LONGEST_ATTENTION} steps: it is quadratic")
            self._measure(row, build(problem))

        row = self._row(what, name, problem)
        if what == "short":
            row["floor_ms"] = self._floor(short_floor_bytes(problem))
        self._attempt(row, fill)

    def _row(self, what: str, name: str, problem: Problem) -> Row:
        return {
            "what": what,
            "name": name,
            "length": problem.length,
            "batch": problem.batch,
            "width": problem.width,
            "dtype": str(problem.dtype).removeprefix("torch."),
        }

    def _floor(self, bytes_moved: tuple[int, int]) -> dict[str, float]:
        speed = self.record["yardsticks"]["copy_gb_per_s"] * 1e9
        return {mode: floor_ms(count, speed) for mode, count in zip(MODES, bytes_moved, strict=True)}

    def _attempt(self, row: Row, fill: Callable[[Row], None]) -> None:
        """Fill in one row; whatever goes wrong becomes its reason, and the run goes on."""
        spent = time.perf_counter() - self.started
        if spent > self.options.budget_s:
            row["reason"] = f"not run: the budget of {self.options.budget_s:.0f} s was spent"
        else:
            try:
                fill(row)
            except NotHereError:
                return
            except Exception as error:
                row["reason"] = describe(error)
        self.record["rows"].append(row)
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()
        self.save()
        say(f"{spent:5.0f} s  {summary(row)}")


class Shared:
    """Signals and exact results of one problem, made when first asked for and the same for all."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.channels = pick_channels(problem.width)

    @cached_property
    def signals(self) -> Signals:
        return draw(self.problem)

    @cached_property
    def exact(self) -> dict[str, torch.Tensor]:
        return reference(self.signals, self.channels)


def describe(error: Exception) -> str:
    """Return the reason of a failure in one line."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return "out of memory"
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"


def summary(row: Row) -> str:
    """Return one line of progress."""
    times = "  ".join(f"{mode} {number(row[mode]['median_ms'])} ms" for mode in MODES if mode in row)
    worst = f"error {max(row['errors'].values()):.1e}" if row.get("errors") else ""
    parts = (f"{row['what']} {row['name']} L={row['length']}", times, worst, row.get("reason", ""))
    return "  ".join(part for part in parts if part)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
