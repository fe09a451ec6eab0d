"""Time the serving engine against generating the same texts one after the other, in one process.

    python benchmarks/serving/run.py --threads 1            # a CPU: three small models
    python benchmarks/serving/run.py --quick                # one model, few requests, some seconds
    python benchmarks/serving/run.py --device cuda          # 1.3B models in bfloat16

All requests come at once, prompts and new tokens of mixed lengths, greedy. ``generate_ids`` answers them in
turn; the engine as many at a time as its batch holds. Contenders take turns in every repeat, so that other
work on the machine disturbs all alike. Every entry is written to one JSON file as soon as it is measured.
"""

from __future__ import annotations

import argparse
import asyncio
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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from longwave.generation import SamplingConfig, generate_ids
from longwave.models import LanguageModel, LanguageModelConfig
from longwave.serving.engine import Engine, EngineConfig
from longwave.serving.requests import NewToken, TokenRequest

HERE = Path(__file__).parent
GREEDY = SamplingConfig(temperature=0.0)
IN_TURN = "one after the other"
MODELS = ("hyena", "hybrid-h3", "transformer")
BATCHES = (1, 8, 16)

Entry = dict[str, object]


@dataclass(frozen=True)
class Sizes:
    """A model's shape and the requests it is asked."""

    d_model: int
    n_layers: int
    vocab_size: int
    head: int
    prompts: tuple[int, int]
    new: tuple[int, int]
    n_requests: int


CPU = Sizes(256, 6, 4096, 64, (16, 256), (16, 64), 24)
GPU = Sizes(2048, 24, 50257, 128, (32, 1024), (32, 256), 128)
QUICK = Sizes(64, 2, 512, 16, (4, 32), (4, 16), 8)


@dataclass
class Measured:
    """One run over all requests; times count from when they came, all at once."""

    seconds: float
    cpu_s: float
    first_s: list[float]
    last_s: list[float]
    longest_gap_s: list[float]
    texts: list[list[int]]


def main() -> None:
    options = parse()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    entries: list[Entry] = []

    def add(entry: Entry) -> None:
        entries.append(entry)
        options.say("  ".join(f"{key} {shown(value)}" for key, value in entry.items()))
        options.out.write_text(text_of(options, device, entries), "utf-8")

    for name in options.models:
        measure(name, device, options, add)
    options.say(f"written to {options.out}: {claims(entries)}")
    if options.json:
        sys.stdout.write(text_of(options, device, entries))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="tiny models and few requests")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=None)
    parser.add_argument("--batches", nargs="+", type=int, default=list(BATCHES))
    parser.add_argument("--requests", type=int, help="how many")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--prefill-tokens", type=int, default=EngineConfig().prefill_tokens)
    parser.add_argument("--threads", type=int, help="of torch on the CPU")
    parser.add_argument("--out", type=Path, default=Path("runs/serving"), help="the JSON file or its folder")
    parser.add_argument("--json", action="store_true", help="print the record, the entries to stderr")
    parser.add_argument("--commit", help="recorded when git is not at hand")
    options = parser.parse_args()
    if options.out.suffix != ".json":
        options.out = options.out / f"{options.device.replace(':', '')}.json"
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.say = functools.partial(print, file=sys.stderr if options.json else sys.stdout, flush=True)
    options.models = options.models or (MODELS[:1] if options.quick else MODELS)
    options.sizes = QUICK if options.quick else GPU if options.device.startswith("cuda") else CPU
    options.n_requests = options.requests or options.sizes.n_requests
    return options


def measure(
    name: str, device: torch.device, options: argparse.Namespace, add: Callable[[Entry], None]
) -> None:
    """Measure all contenders in turn, repeat by repeat, after a warm-up of each."""
    model = build(name, options.sizes, device)
    requests = make_requests(options.sizes, options.n_requests)
    contenders: dict[str, Callable[[list[TokenRequest]], Measured]] = {
        IN_TURN: functools.partial(in_turn, model, device)
    }
    for batch in options.batches:
        config = EngineConfig(max_batch=batch, prefill_tokens=options.prefill_tokens)
        contenders[f"engine, batch {batch}"] = functools.partial(by_engine, model, config)
    runs: dict[str, list[Measured]] = {contender: [] for contender in contenders}
    for run in contenders.values():
        run(requests[: max(2, len(requests) // 8)])
    for _ in range(options.repeats):
        for contender, run in contenders.items():
            runs[contender].append(run(requests))
    expected = runs[IN_TURN][0].texts
    for contender, measured in runs.items():
        add({"model": name, "contender": contender} | summary(measured, expected))


def in_turn(model: LanguageModel, device: torch.device, requests: list[TokenRequest]) -> Measured:
    """Answer one request after the other."""
    last, texts = [], []
    started, started_cpu = time.perf_counter(), time.process_time()
    for request in requests:
        ids = torch.tensor([request.ids], device=device)
        found = generate_ids(model, ids, max_new_tokens=request.max_new_tokens, sampling=GREEDY)
        texts.append(found[0, ids.shape[1] :].tolist())
        last.append(time.perf_counter() - started)
    return Measured(last[-1], time.process_time() - started_cpu, [], last, [], texts)


def by_engine(model: LanguageModel, config: EngineConfig, requests: list[TokenRequest]) -> Measured:
    """Ask an engine everything at once, over its own interface."""

    async def one(engine: Engine, request: TokenRequest, started: float) -> tuple[list[float], list[int]]:
        times, text = [], []
        async for event in engine.stream(request):
            if isinstance(event, NewToken):
                text.append(event.id)
                times.append(time.perf_counter() - started)
        return times, text

    async def talk(engine: Engine) -> Measured:
        started, started_cpu = time.perf_counter(), time.process_time()
        found = await asyncio.gather(*(one(engine, request, started) for request in requests))
        seconds, cpu_s = time.perf_counter() - started, time.process_time() - started_cpu
        times = [own for own, _ in found]
        gaps = [max((b - a for a, b in itertools.pairwise(own)), default=0.0) for own in times]
        firsts, lasts = [own[0] for own in times], [own[-1] for own in times]
        return Measured(seconds, cpu_s, firsts, lasts, gaps, [text for _, text in found])

    with Engine(model, config) as engine:
        return asyncio.run(talk(engine))


def summary(runs: list[Measured], expected: list[list[int]]) -> Entry:
    """Return medians over the repeats, the range of the rate, and whether the texts are the same."""
    n_new = sum(map(len, expected))
    rates = [n_new / run.seconds for run in runs]
    own_rates = [n_new / run.cpu_s for run in runs]  # of the process's own time, which others do not take
    entry: Entry = {
        "tokens_per_s": statistics.median(rates),
        "tokens_per_s_range": [min(rates), max(rates)],
        "tokens_per_cpu_s": statistics.median(own_rates),
        "tokens_per_cpu_s_range": [min(own_rates), max(own_rates)],
        "last_token_s": statistics.median(statistics.median(run.last_s) for run in runs),
        "repeats": len(runs),
        "requests": len(expected),
        "new_tokens": n_new,
        "texts_that_differ": max(
            sum(own != wanted for own, wanted in zip(run.texts, expected, strict=True)) for run in runs
        ),
    }
    if runs[0].first_s:
        entry["first_token_s"] = statistics.median(statistics.median(run.first_s) for run in runs)
        entry["longest_gap_s"] = statistics.median(max(run.longest_gap_s) for run in runs)
    return entry


def make_requests(sizes: Sizes, n_requests: int) -> list[TokenRequest]:
    """Draw prompts and lengths, evenly from a range each; the same in every run."""
    generator = torch.Generator().manual_seed(0)

    def between(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (), generator=generator))

    return [
        TokenRequest(
            ids=tuple(
                torch.randint(sizes.vocab_size, (between(*sizes.prompts),), generator=generator).tolist()
            ),
            max_new_tokens=between(*sizes.new),
            sampling=GREEDY,
        )
        for _ in range(n_requests)
    ]


def build(name: str, sizes: Sizes, device: torch.device) -> LanguageModel:
    """Make a model with random weights, in bfloat16 on a GPU."""
    heads = {"n_heads": sizes.d_model // sizes.head}
    kinds = {
        "hyena": {"mixer": "hyena"},
        "hybrid-h3": {"mixer": "h3", "attention_layers": (1,), "attention_options": heads},
        "transformer": {"mixer": "attention", "mixer_options": heads},
    }
    config = LanguageModelConfig(
        vocab_size=sizes.vocab_size,
        d_model=sizes.d_model,
        n_layers=sizes.n_layers,
        max_length=sizes.prompts[1] + sizes.new[1],
        **kinds[name],
    )
    with device:
        model = LanguageModel(config)
    return (model.to(torch.bfloat16) if device.type == "cuda" else model).eval()


def claims(entries: list[Entry]) -> dict[str, float]:
    """Return how many times the rate of one after the other each engine has."""
    base = {entry["model"]: entry for entry in entries if entry["contender"] == IN_TURN}
    return {
        f"{entry['model']}: {entry['contender']}, {key}": entry[key] / base[entry["model"]][key]
        for entry in entries
        for key in ("tokens_per_s", "tokens_per_cpu_s")
        if entry["contender"] != IN_TURN
    }


def text_of(options: argparse.Namespace, device: torch.device, entries: list[Entry]) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    head = {
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
        "sizes": options.sizes.__dict__,
        "prefill_tokens": options.prefill_tokens,
    }
    return json.dumps(head | {"entries": entries, "claims": claims(entries)}, indent=1) + "\n"


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


def shown(value: object) -> str:
    if isinstance(value, list):
        return "-".join(map(shown, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
