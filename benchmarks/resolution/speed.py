"""Time a layer against its naive form, steps at each resolution, and ConvNeXt with and without S4ND."""

# Shapes: B batch, D width, L points a side

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from naive import naive_forward
from studies import CONV, LIMITED, RATES, SHARES, STUDIES, digits_trunk, of_images
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from longwave.mixers import S4ND
from longwave.models.images import ImageClassifier, image_preset

Call = Callable[[], object]
Row = dict[str, object]
POINTS = 28
# network, layout of its images, how it runs; "tf32" is eager, with products of float32 numbers in TF32
CONVNEXT = (
    ("convnext-tiny", "channels-last", "eager"),
    ("convnext-tiny-s4nd", "channels-first", "eager"),
    ("convnext-tiny", "channels-first", "eager"),
    ("convnext-tiny-s4nd", "channels-last", "eager"),
    ("convnext-tiny-s4nd", "channels-first", "tf32"),
    ("convnext-tiny", "channels-last", "compiled"),
    ("convnext-tiny-s4nd", "channels-first", "compiled"),
)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is timed."""

    rounds: int
    layer: tuple[int, int, int] = (16, 64, 32)  # B, D, L
    step_batches: tuple[int, ...] = (STUDIES["full"].batch_size,)
    image_batch: int = 128
    image_points: int = 224
    stages: tuple[int, ...] = (3, 3, 9, 3)


GPU = Sizes(rounds=20, step_batches=(STUDIES["full"].batch_size, 1000))  # the larger one keeps a GPU busy
CPU = Sizes(rounds=7)
QUICK = Sizes(rounds=2, layer=(2, 8, 9), step_batches=(4,), image_batch=2, image_points=16, stages=(1, 1))


def time_layer(device: str, sizes: Sizes) -> Row:
    """Compare forward and backward of one layer by three routes with the same weights and the same input."""
    batch, width, points = sizes.layer
    torch.manual_seed(0)
    layer = S4ND(width, 2, out=None).to(device)
    u = torch.randn(batch, width, points, points, device=device, requires_grad=True)
    weights = torch.randn_like(u)
    leaves = [u, *layer.parameters()]

    def ours(backend: str) -> Tensor:
        layer.backend = backend
        return layer(u)

    routes: dict[str, Callable[[], Tensor]] = {
        "naive": lambda: naive_forward(layer, u),
        "fft": lambda: ours("fft"),
        "matrices": lambda: ours("matrices"),
    }
    calls: dict[str, Call] = {
        name: lambda route=route: torch.autograd.grad((weights * route()).sum(), leaves)
        for name, route in routes.items()
    }
    with torch.no_grad():
        expected, found = routes["naive"](), ours("auto")
        error = float((found - expected).norm() / expected.norm())
    times = take_turns(calls, device, sizes.rounds)
    rows = [{"route": name, **spread(listed)} for name, listed in times.items()]
    fastest = min(row["ms"] for row in rows if row["route"] != "naive")
    ratio = round(next(row["ms"] for row in rows if row["route"] == "naive") / fastest, 2)
    return {"batch": batch, "width": width, "points": points, "rows": rows, "ratio": ratio, "error": error}


def time_steps(device: str, sizes: Sizes) -> list[Row]:
    """Time updates at the resolutions of progressive resizing, and tell what its shares of them save."""
    found = []
    for model in (LIMITED, CONV):
        network = ImageClassifier(of_images(digits_trunk(model))).to(device)
        optimizer = torch.optim.AdamW(network.optimizer_groups(lr=1e-3, weight_decay=0.05), lr=1e-3)
        for batch in sizes.step_batches:
            calls, flops = {}, {}
            y = torch.arange(batch, device=device) % 10
            for rate in RATES:
                points = round(POINTS / rate)
                x = torch.randn(batch, 1, points, points, device=device)
                calls[points] = update(lambda x=x, rate=rate, net=network: net(x, rate), y, optimizer)
                with FlopCounterMode(display=False) as counter:
                    calls[points]()
                flops[points] = counter.get_total_flops()
            times = take_turns(calls, device, sizes.rounds)
            rows = [{"points": n, "flops": flops[n], **spread(listed)} for n, listed in times.items()]
            found.append({"model": model, "batch": batch, "rows": rows, **savings(rows)})
    return found


def savings(rows: list[Row]) -> Row:
    """Return the shares of operations and seconds that the published stages save against full resolution."""
    whole = sum(SHARES)
    found = {}
    for name, key in (("flops", "flops"), ("seconds", "ms")):
        spent = sum(share * row[key] for share, row in zip(SHARES, rows, strict=True)) / whole
        found[f"saved_{name}"] = round(1 - spent / rows[-1][key], 4)
    return found


def time_convnext(device: str, sizes: Sizes, *, has_compile: bool, ends_at: float) -> Iterator[Row]:
    """Yield images a second of ConvNeXt-T and of its form with S4ND, in training and at inference."""
    for name, layout, mode in CONVNEXT:
        if time.time() < ends_at and (has_compile or mode != "compiled"):
            row = one_convnext(name, layout, mode, device, sizes)
            print(row, file=sys.stderr, flush=True)
            yield row


def one_convnext(name: str, layout: str, mode: str, device: str, sizes: Sizes) -> Row:
    """Time one network alone, since each takes most of a GPU's memory; say so where it does not run."""
    row: Row = {"model": name, "layout": layout, "mode": mode, "batch": sizes.image_batch}
    batch = sizes.image_batch
    torch.set_float32_matmul_precision("high" if mode == "tf32" else "highest")
    try:
        network = convnext(name, sizes.stages).to(device)
        x = torch.randn(batch, 3, sizes.image_points, sizes.image_points, device=device)
        if layout == "channels-last":
            x = x.to(memory_format=torch.channels_last)
            for module in network.modules():
                if isinstance(module, nn.Conv2d):
                    module.to(memory_format=torch.channels_last)
        y = torch.arange(batch, device=device) % network.config.n_classes
        run: nn.Module = torch.compile(network) if mode == "compiled" else network
        optimizer = torch.optim.AdamW(network.optimizer_groups(lr=1e-3, weight_decay=0.05), lr=1e-3)
        step = update(lambda: run(x), y, optimizer, is_half=True)
        row |= {f"train_{key}": value for key, value in per_second(step, device, sizes, batch).items()}
        network.eval()

        def infer() -> None:
            with torch.no_grad(), torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
                run(x)

        row |= {f"infer_{key}": value for key, value in per_second(infer, device, sizes, batch).items()}
        if device == "cuda":
            row["memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    except RuntimeError as error:  # out of memory, or cannot be compiled
        row["error"] = str(error).splitlines()[0][:200]
    finally:
        torch.set_float32_matmul_precision("highest")
        if device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
    return row


def convnext(name: str, depths: tuple[int, ...]) -> ImageClassifier:
    """Return a published network, with fewer blocks and stages for a rehearsal."""
    config = image_preset(name)
    trunk = replace(config.trunk, depths=depths, widths=config.trunk.widths[: len(depths)])
    return ImageClassifier(replace(config, trunk=trunk))


def update(
    forward: Callable[[], Tensor], y: Tensor, optimizer: torch.optim.Optimizer, *, is_half: bool = False
) -> Call:
    """Return an update: forward, cross-entropy, backward, AdamW."""

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(y.device.type, dtype=torch.bfloat16, enabled=is_half):
            loss = F.cross_entropy(forward().float(), y)
        loss.backward()
        optimizer.step()

    return step


def per_second(call: Call, device: str, sizes: Sizes, batch: int) -> Row:
    """Return images a second: the median and the range."""
    (listed,) = take_turns({"it": call}, device, sizes.rounds).values()
    rates = sorted(batch / one for one in listed)
    return {
        "images_per_s": round(statistics.median(rates), 1),
        "range": [round(rates[0], 1), round(rates[-1], 1)],
    }


def take_turns(calls: dict[object, Call], device: str, rounds: int) -> dict[object, list[float]]:
    """Return the seconds of every call, one after the other in every round; three rounds to warm up."""
    times: dict[object, list[float]] = {name: [] for name in calls}
    for number in range(-3, rounds):
        for name, call in calls.items():
            took = clock(call, device)
            if number >= 0:
                times[name].append(took)
    return times


def clock(call: Call, device: str) -> float:
    """Return the seconds of one call."""
    if device == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def spread(times: list[float]) -> dict[str, object]:
    """Return median and range in milliseconds."""
    return {
        "ms": round(1e3 * statistics.median(times), 3),
        "range_ms": [round(1e3 * min(times), 3), round(1e3 * max(times), 3)],
    }
