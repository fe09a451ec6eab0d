"""Convolve with filters as long as the signal: backends, gradients, streaming, packed documents (4 s).

Each is compared with the sum written out in float64; ``--out`` gets the comparison as a table.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from longwave.ops import OnlineConv, long_conv, packed_long_conv, prepare_filter

Row = tuple[str, float, float]  # what, seconds, relative error


def measure(name: str, run: Callable[[], Tensor], exact: Tensor) -> Row:
    """Return how long something takes and how far it is from the exact values."""
    start, found = time.perf_counter(), run()
    return name, time.perf_counter() - start, float((found - exact).norm() / exact.norm())


def stream(u: Tensor, k: Tensor, skip: Tensor) -> Tensor:
    """Take half of the signal at once, as a prompt, and the rest step by step, as when generating."""
    conv, half = OnlineConv(k, max_length=u.shape[-1], skip=skip), u.shape[-1] // 2
    pieces = [conv.prefill(u[..., :half])]
    pieces += [conv.step(u[..., t])[..., None] for t in range(half, u.shape[-1])]
    return torch.cat(pieces, dim=-1)


def gradient(u: Tensor, k: Tensor, skip: Tensor) -> Tensor:
    """Return what the filter is told by a loss on the outputs."""
    k = k.clone().requires_grad_()
    return torch.autograd.grad(long_conv(u, k, skip).square().sum(), k)[0]


def compare(length: int) -> list[Row]:
    """Compute one convolution in every way."""
    u, k, skip = torch.randn(2, 16, length), torch.randn(16, length) / length**0.5, torch.ones(16)
    wide = [tensor.double() for tensor in (u, k, skip)]
    exact = long_conv(*wide, backend="naive")
    backends = ("naive", "direct", "fft", "chunked", "auto")
    rows = [measure(name, partial(long_conv, u, k, skip, backend=name), exact) for name in backends]

    prepared = prepare_filter(k, skip)  # its spectrum is made by the first call and kept
    rows += [measure(f"prepared, call {n}", lambda: long_conv(u, prepared), exact) for n in (1, 2)]
    rows.append(measure("step by step", lambda: stream(u, k, skip), exact))
    rows.append(measure("gradient", lambda: gradient(u, k, skip), gradient(*wide)))

    documents = (length // 2, length // 3, length - length // 2 - length // 3)
    alone = torch.cat([long_conv(v, wide[1][:, : v.shape[-1]]) for v in wide[0][:1].split(documents, -1)], -1)
    starts = torch.tensor([0, *documents]).cumsum(0)
    return [*rows, measure("packed documents", lambda: packed_long_conv(u[:1], k, starts), alone)]


def main() -> None:
    """Print the comparison and write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/long_convolution"))
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()

    torch.manual_seed(0)
    rows = compare(200 if arguments.tiny else 2000)
    print(f"{'':18}{'seconds':>10}{'error':>10}")
    print("\n".join(f"{name:18}{seconds:>10.4f}{error:>10.1e}" for name, seconds, error in rows))
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (arguments.out / "comparison.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("what", "seconds", "error"), *rows])


if __name__ == "__main__":
    main()
