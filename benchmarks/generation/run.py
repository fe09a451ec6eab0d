"""Time the generation of text by whole models, random weights, greedy.

    python benchmarks/generation/run.py --threads 1         # a CPU: a small Hyena in every decode mode
    python benchmarks/generation/run.py --quick             # the same up to 4,096 tokens, under a minute
    python benchmarks/generation/run.py --device cuda       # 1.3B: hybrid H3 against attention; Hyena

A CPU generates L tokens from one, for every length and mode; a mode whose next length would not end within
its budget is left out. A GPU reads prompts and adds tokens to them, both models of a prompt with one batch:
time to read, tokens a second over all and while decoding, time of a step when graphs are captured. Every
entry is written to one JSON file as soon as it is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from longwave.generation import StepGraphs
from longwave.models import LanguageModel, LanguageModelConfig
from longwave.models.language import LanguageModelState

HERE = Path(__file__).parent
MODES = ("lazy", "epoched", "relaxed", "auto")
CPU_LENGTHS = (1024, 2048, 4096, 8192, 16384, 32768)
CPU_SIZES = {"vocab_size": 257, "d_model": 64, "n_layers": 2}
PROMPTS = (512, 1024, 1536, 8192, 32768)
BATCH, NEW = 64, 128
EAGER_TOO = 1024  # a prompt after which steps are also timed without captured graphs

Entry = dict[str, object]


@dataclass(frozen=True)
class Case:
    """One model and how it decodes."""

    name: str
    config: LanguageModelConfig
    mode: str
    prompt: int
    new: int
    batch: int
    graphs: bool


class Record:
    """The JSON file: rewritten whole after every entry, so that a stopped run keeps what it has."""

    def __init__(self, path: Path, head: Entry, say: Callable[..., None]) -> None:
        self.path, self.head, self.say = path, head, say
        self.entries: list[Entry] = []
        path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.say("  ".join(f"{key} {shown(value)}" for key, value in entry.items()))
        self.path.write_text(self.text(), "utf-8")

    def text(self) -> str:
        return (
            json.dumps(self.head | {"entries": self.entries, "claims": claims(self.entries)}, indent=1) + "\n"
        )


def main() -> None:
    options = parse()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    record = Record(options.out, head(device, options), options.say)
    if device.type == "cuda":
        measure_gpu(device, record, options)
    else:
        measure_cpu(record, options)
    options.say(f"written to {options.out}: {claims(record.entries)}")
    if options.json:
        sys.stdout.write(record.text())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="short lengths; on a GPU small models")
    parser.add_argument("--lengths", nargs="+", type=int, help="CPU: tokens generated")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES), help="CPU")
    parser.add_argument("--budget", type=float, default=150.0, help="CPU: seconds a mode and length")
    parser.add_argument("--prompts", nargs="+", type=int, help="GPU: prompt lengths")
    parser.add_argument("--models", nargs="+", default=["transformer", "hybrid-h3", "hyena"], help="GPU")
    parser.add_argument("--batch", type=int, default=BATCH, help="GPU: halved until it fits")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--chunk-tokens", type=int, default=2**16, help="GPU: of all prompts read at a time")
    parser.add_argument(
        "--hyena-new", type=int, default=512, help="GPU: tokens Hyena adds to reach its length"
    )
    parser.add_argument("--deadline", type=float, default=900.0, help="GPU: seconds after which none begins")
    parser.add_argument("--threads", type=int, help="of torch on the CPU")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/generation"), help="the JSON file or its folder"
    )
    parser.add_argument("--json", action="store_true", help="print the record, the entries to stderr")
    parser.add_argument("--commit", help="recorded when git is not at hand")
    options = parser.parse_args()
    if options.out.suffix != ".json":
        options.out = options.out / f"{options.device.replace(':', '')}.json"
    options.say = functools.partial(print, file=sys.stderr if options.json else sys.stdout, flush=True)
    options.lengths = options.lengths or (CPU_LENGTHS[:3] if options.quick else CPU_LENGTHS)
    options.prompts = options.prompts or (PROMPTS[:1] if options.quick else PROMPTS)
    return options


def measure_cpu(record: Record, options: argparse.Namespace) -> None:
    """Generate L tokens from one, shortest first; stop a mode at the length its budget does not reach."""
    for mode in options.modes:
        expected = 0.0
        for length in sorted(options.lengths):
            if expected > options.budget:
                record.add({"model": "hyena", "mode": mode, "length": length, "error": "over budget"})
                continue
            model = build(LanguageModelConfig(**CPU_SIZES, max_length=length), torch.device("cpu"))
            repeats = 1 if expected > options.budget / options.repeats else options.repeats
            runs = [generate(model, mode, length) for _ in range(repeats)]
            times = [run["seconds"] for run in runs]
            seconds = statistics.median(times)
            record.add(
                {
                    "model": "hyena",
                    "mode": mode,
                    "length": length,
                    "seconds": seconds,
                    "cpu_s": statistics.median(run["cpu_s"] for run in runs),
                    "spread_s": max(times) - min(times),
                    "repeats": repeats,
                    "tokens_per_s": (length - 1) / seconds,
                }
            )
            expected = seconds * (4 if mode == "lazy" else 2.5)  # what twice the length may take


def measure_gpu(device: torch.device, record: Record, options: argparse.Namespace) -> None:
    """Measure all cases; those that share a prompt share the batch that fits the first of them."""
    started, fitting, loaded = time.perf_counter(), {}, {}
    for case in gpu_cases(options):
        shape = {"model": case.name, "mode": case.mode, "graphs": case.graphs, "prompt": case.prompt}
        if time.perf_counter() - started > options.deadline:
            record.add(shape | {"error": "past the deadline"})
            continue
        if case.name not in loaded:
            if "hyena" in (case.name, *loaded):
                loaded.clear()  # its filters need the memory
            loaded[case.name] = build(case.config, device)
        batch, entry = fitting.get(case.prompt, case.batch), None
        while entry is None and batch >= 1:
            try:
                entry = try_case(loaded[case.name], case, batch, options)
            except RuntimeError as failure:  # the others are worth measuring
                entry = {"error": repr(failure)}
            batch = batch if entry else batch // 2
        fitting[case.prompt] = batch
        record.add(shape | {"new": case.new} | (entry or {"error": "out of memory at batch 1"}))


def gpu_cases(options: argparse.Namespace) -> list[Case]:
    """List models at the 1.3B shape: 24 layers of width 2048; with --quick 2 of width 256."""
    width, layers = (256, 2) if options.quick else (2048, 24)
    sizes = {"vocab_size": 50257, "d_model": width, "n_layers": layers}
    heads, attention_at = {"n_heads": width // 128}, (1,) if options.quick else (1, 13)
    longest = max(options.prompts)
    kinds = {
        "transformer": {"mixer": "attention", "mixer_options": heads},
        "hybrid-h3": {"mixer": "h3", "attention_layers": attention_at, "attention_options": heads},
    }
    configs = {
        name: LanguageModelConfig(**sizes, **kind, max_length=longest + NEW) for name, kind in kinds.items()
    }
    cases = [
        Case(name, configs[name], "auto", prompt, NEW, options.batch, graphs)
        for prompt in sorted(options.prompts)
        for name in kinds
        for graphs in ((True, False) if prompt == EAGER_TOO else (True,))
    ]
    hyena = LanguageModelConfig(**sizes, mixer="hyena", max_length=longest)
    new = min(options.hyena_new, longest // 2)
    cases += [Case("hyena", hyena, mode, longest - new, new, 1, True) for mode in ("relaxed", "lazy")]
    cases.sort(key=lambda case: case.prompt == longest)  # what takes longest comes last
    return [case for case in cases if case.name in options.models]


def try_case(model: LanguageModel, case: Case, batch: int, options: argparse.Namespace) -> Entry | None:
    """Measure one case, or return None where the batch does not fit."""
    device, state = model.device, None
    torch.cuda.reset_peak_memory_stats(device)
    try:
        state, token, prefill_s = read_prompt(model, case, batch, options)
        start = state.mark()
        runs = []
        for _ in range(1 if case.name == "hyena" else options.repeats):
            state.truncate(start)
            runs.append(add_tokens(model, state, token, case))
    except torch.cuda.OutOfMemoryError:
        return None
    finally:
        state_mb = 0.0 if state is None else state.nbytes / 2**20
        del state
        gc.collect()
        torch.cuda.empty_cache()
    decode_s, steady_s = ([run[n] for run in runs] for n in range(2))
    whole, steady = statistics.median(decode_s), statistics.median(steady_s)
    return {
        "batch": batch,
        "prefill_s": prefill_s,
        "decode_s": whole,
        "spread_s": max(decode_s) - min(decode_s),
        "repeats": len(runs),
        "tokens_per_s": batch * case.new / (prefill_s + whole),
        "decode_tokens_per_s": batch * case.new / whole,
        "step_ms": 1000 * steady,
        "state_mb": state_mb,
        "peak_mb": torch.cuda.max_memory_allocated(device) / 2**20,
    }


@torch.no_grad()
def read_prompt(
    model: LanguageModel, case: Case, batch: int, options: argparse.Namespace
) -> tuple[LanguageModelState, Tensor, float]:
    """Read a random prompt in chunks after a warm-up; return the state, the next token and the seconds."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(model.config.vocab_size, (batch, case.prompt), generator=generator).to(model.device)
    chunks = ids.split(max(options.chunk_tokens // batch, 256), dim=1)
    for pieces in (dict.fromkeys((chunks[0], chunks[min(1, len(chunks) - 1)], chunks[-1])), chunks):
        state = model.init_state(batch, case.prompt + case.new, mode=case.mode)
        synchronize(model.device)
        started = time.perf_counter()
        for piece in pieces:
            logits, state = model.prefill(piece, state, last_only=True)
        token = logits[:, -1].argmax(-1)
        synchronize(model.device)
        seconds = time.perf_counter() - started
        if pieces is not chunks:
            del state
    return state, token, seconds


@torch.no_grad()
def add_tokens(
    model: LanguageModel, state: LanguageModelState, token: Tensor, case: Case
) -> tuple[float, float]:
    """Add tokens greedily, each of them read; return the seconds of all and, in the later part, of one."""
    graphs = StepGraphs() if case.graphs else None
    settled = case.new // 4
    synchronize(model.device)
    started = time.perf_counter()
    for step in range(case.new):
        if step == settled:
            synchronize(model.device)
            later = time.perf_counter()
        logits, state = model.step(token, state, graphs=graphs)
        token = logits.argmax(-1)
    synchronize(model.device)
    done = time.perf_counter()
    return done - started, (done - later) / (case.new - settled)


@torch.inference_mode()
def generate(model: LanguageModel, mode: str, length: int) -> dict[str, float]:
    """Generate greedily on a CPU, from one token up to a length; every token that is drawn is read."""
    state = model.init_state(1, length, mode=mode)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(model.config.vocab_size, (1, 1), generator=generator)
    logits, state = model.prefill(ids, state, last_only=True)
    token = logits[:, -1].argmax(-1)
    started, started_cpu = time.perf_counter(), time.process_time()
    for _ in range(length - 1):
        logits, state = model.step(token, state)
        token = logits.argmax(-1)
    # The process's own time is what others on the machine did not take.
    return {"seconds": time.perf_counter() - started, "cpu_s": time.process_time() - started_cpu}


def build(config: LanguageModelConfig, device: torch.device) -> LanguageModel:
    with device:
        model = LanguageModel(config)
    return (model.to(torch.bfloat16) if device.type == "cuda" else model).eval()


def claims(entries: list[Entry]) -> dict[str, float]:
    """Return the ratios that the README speaks of, as far as they were measured."""
    times = {(e["mode"], e["length"]): e for e in entries if "length" in e and "seconds" in e}
    rates = {
        (e["model"], e["mode"], e["prompt"]): e
        for e in entries
        if "prompt" in e and "batch" in e and e["graphs"]
    }
    found = {
        f"{mode}: {key} at 32768 over 8192": times[mode, 32768][key] / times[mode, 8192][key]
        for mode in MODES
        for key in ("seconds", "cpu_s")
        if {(mode, 32768), (mode, 8192)} <= set(times)
    }
    for (name, mode, prompt), entry in rates.items():
        other = rates.get(("transformer", mode, prompt))
        if name == "hybrid-h3" and other is not None:
            for what, key in (("in all", "tokens_per_s"), ("decoding", "decode_tokens_per_s")):
                found[f"hybrid-h3 over transformer at {prompt}, {what}"] = entry[key] / other[key]
            found[f"hybrid-h3 over transformer at {prompt}, a step"] = other["step_ms"] / entry["step_ms"]
        other = rates.get((name, "lazy", prompt))
        if mode == "relaxed" and other is not None:
            key = "decode_tokens_per_s"
            found[f"{name}: relaxed over lazy after {prompt}"] = entry[key] / other[key]
    return found


def head(device: torch.device, options: argparse.Namespace) -> Entry:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "machine": {
            "device": name,
            "cpu_cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "commit": options.commit or commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "dtype": "bfloat16" if device.type == "cuda" else "float32",
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


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
