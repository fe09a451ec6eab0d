"""Time training steps and inference, all models in one process, one after the other in every round."""

# Shapes: B batch, N points a side

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from longwave.models.pde import CoefficientModel, coefficient_relative_l2, relative_l2, target_coefficients
from longwave.training import build_model
from longwave.training.models import FieldModelConfig
from models import MODES, equal_models, paper_models

PEER = "neuraloperator-fno"
CPU = {"batch": 8, "sizes": (64, 128), "rounds": 15}
MODES_OF_GPU = ("eager", "captured", "compiled")
GPU = {"batches": {64: 64, 256: 16}, "rounds": 5}  # points a side and batch: 256 x 256 has 4 times the points
REPEATS = 5  # calls in a row on a GPU
Call = Callable[[], object]


def time_cpu(peers: Path | None, *, is_tiny: bool) -> list[dict[str, object]]:
    """Compare T1 with the peer's FNO and our own on one thread at equal band, width and depth."""
    torch.set_num_threads(1)
    plan = {"batch": 2, "sizes": (32,), "rounds": 2} if is_tiny else CPU
    found = []
    for n in plan["sizes"]:
        modules: dict[str, nn.Module] = {
            name: build_model(config) for name, config in equal_models((n, n)).items()
        }
        if peers is not None:
            modules[PEER] = peer_model(peers)
        found += compare(modules, n, plan["batch"], plan["rounds"], torch.device("cpu"), group="equal")
    return found


def time_gpu(*, is_tiny: bool, modes: Sequence[str], ends_at: float) -> list[dict[str, object]]:
    """Compare T1 with our FNO and FFNO on a GPU, at equal settings and at the paper's.

    Eager, where small kernels wait for Python; captured, a whole step as one CUDA graph; compiled, with fused
    kernels, and captured.
    """
    device = torch.device("cpu" if is_tiny else "cuda")
    plan = {"batches": {64: 2}, "rounds": 2} if is_tiny else GPU
    groups = {"equal": wide_models, "paper": paper_models}
    if is_tiny:
        modes = ["eager"]
    cases = [(mode, "equal", n) for n in plan["batches"] for mode in modes if mode != "compiled"]
    cases += [(mode, "paper", 64) for mode in modes if mode != "compiled"]
    cases += [("compiled", "equal", n) for n in plan["batches"]] if "compiled" in modes else []
    found: list[dict[str, object]] = []
    for mode, group, n in cases:
        for name, config in groups[group]((n, n)).items():  # alone, since a graph keeps its memory
            if time.time() < ends_at:
                module = {name: build_model(config).to(device)}
                batch = plan["batches"][n]
                found += compare(module, n, batch, plan["rounds"], device, group=group, mode=mode)
                del module
                free_memory()
    return found


def free_memory() -> None:
    """Give back what the last models held; graphs and optimisers are freed by the collector alone."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def wide_models(sizes: tuple[int, ...]) -> dict[str, FieldModelConfig]:
    """Return models as wide and deep as the paper's T1."""
    return equal_models(sizes, d_model=48, n_layers=8)


def peer_model(folder: Path) -> nn.Module:
    """Build the FNO of neuraloperator 2.0.0, which counts modes of both signs, from a folder of its own."""
    sys.path.insert(0, str(folder))
    from neuralop.models import FNO

    return FNO(n_modes=(MODES, MODES), in_channels=1, out_channels=1, hidden_channels=32, n_layers=4)


def compare(
    modules: dict[str, nn.Module],
    n: int,
    batch: int,
    rounds: int,
    device: torch.device,
    *,
    group: str,
    mode: str = "eager",
) -> list[dict[str, object]]:
    """Time every model in turn, round by round, and return a row for each."""
    torch.manual_seed(0)
    x, y = (torch.randn(batch, 1, n, n, device=device) for _ in range(2))
    calls: dict[tuple[str, str], Call] = {}
    for name, module in list(modules.items()):
        try:
            calls |= prepare(name, module, x, y, mode)
        except torch.OutOfMemoryError:
            print(f"{group} {n}^2 {mode} {name}: does not fit into memory", file=sys.stderr, flush=True)
            del modules[name]
        except RuntimeError as failure:
            if mode == "eager":
                raise
            print(f"{group} {n}^2 {name} cannot be {mode}: {failure}", file=sys.stderr, flush=True)
            del modules[name]
    times: dict[tuple[str, str], list[float]] = {key: [] for key in calls}
    for number in range(-1, rounds):
        for key, call in calls.items():
            took = clock(call, device, repeats=REPEATS if device.type == "cuda" else 1)
            if number >= 0:
                times[key].append(took)
    rows = []
    for name, module in modules.items():
        row: dict[str, object] = {"group": group, "model": name, "n": n, "batch": batch, "mode": mode}
        row["parameters"] = sum(p.numel() * (2 if p.is_complex() else 1) for p in module.parameters())
        for part in ("train", "infer"):
            listed = times[name, part]
            row[f"{part}_ms"] = round(1e3 * statistics.median(listed), 4)
            row[f"{part}_ms_range"] = [round(1e3 * min(listed), 4), round(1e3 * max(listed), 4)]
        rows.append(row)
        print(
            f"{group} {n}^2 {mode} {name}: step {row['train_ms']} ms, inference {row['infer_ms']} ms",
            file=sys.stderr,
            flush=True,
        )
    return rows


def prepare(name: str, module: nn.Module, x: Tensor, y: Tensor, mode: str) -> dict[tuple[str, str], Call]:
    """Return the calls of a model, each called once, so that memory is known to be enough."""
    calls = {
        (name, "train"): training_step(module, x, y, mode),
        (name, "infer"): inference(module, x, mode),
    }
    for call in calls.values():
        call()
    return calls


def training_step(module: nn.Module, x: Tensor, y: Tensor, mode: str) -> Call:
    """Return an update with AdamW: forward, relative L2 loss, backward, step.

    A T1 learns on coefficients: the targets are transformed once before, the inputs in every step.
    """
    module.train()
    is_gpu = x.device.type == "cuda"
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=1e-3, weight_decay=1e-4, fused=is_gpu, capturable=mode != "eager"
    )
    on_coefficients = isinstance(module, CoefficientModel)
    if on_coefficients:
        wanted = target_coefficients(y, module.config.box, module.config.basis).to(x.device)

    def loss_of(x: Tensor) -> Tensor:
        if on_coefficients:
            return coefficient_relative_l2(module.coefficients(x), wanted)
        return relative_l2(module(x), y)

    forward = torch.compile(loss_of) if mode == "compiled" else loss_of

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        forward(x).backward()
        optimizer.step()

    return step if mode == "eager" else capture(step)


def inference(module: nn.Module, x: Tensor, mode: str) -> Call:
    """Return a forward pass from fields to fields, without gradients."""
    forward = torch.compile(module.__call__) if mode == "compiled" else module

    def call() -> None:
        with torch.no_grad():
            forward(x)

    return call if mode == "eager" else capture(call)


def capture(call: Call) -> Call:
    """Record a call as one CUDA graph, so that its kernels need not wait for Python.

    The calls before make what may not be made while recording: the optimiser's state, matrices that are kept,
    plans of FFTs. Gradients are set to None first, so that the graph has its own. Everything the graph reads,
    fields, targets, weights, is held by the call.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()

    def replay() -> Call:  # keeps the recorded call alive, which owns the memory that the graph writes to
        graph.replay()
        return call

    return replay


def clock(call: Call, device: torch.device, repeats: int) -> float:
    """Return the seconds of one call, the mean of some in a row."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / repeats
