"""One step of attention over a cache of keys and values: rotated, stored and read by one kernel.

What is unusual here: every row of a tile of keys keeps a softmax of its own, so that nothing crosses threads
until the cache is read; the position stands on the device, so that a captured graph of the launch stays right
while the cache grows, and no length is planned for anew.
"""

# Shapes: B batch, H heads, L room of the cache, E width of a head, R rotated features, P parts of a cache

# ruff: noqa: PLR0913 - the compiler takes no structures
# mypy: disable-error-code="misc, no-untyped-def, no-untyped-call, type-arg, untyped-decorator"

from __future__ import annotations

import functools
import logging

import torch
import triton
import triton.language as tl
from torch import Tensor

from longwave.ops._triton import can_launch, on_device

__all__ = ["attention_step", "can_serve"]

TYPES = (torch.bfloat16, torch.float16, torch.float32)
WIDTHS = (16, 32, 64, 128, 256)
PLAN = (32, 4, 3)  # keys of a tile, warps, stages: 4.2 to 4.6 TB/s on an H200 for 1,050 to 8,200 keys of 128
PROGRAMS = 512  # wanted; where batch and heads are fewer, a cache is read in parts
SHORTEST_PART = 256

LOG2_E = tl.constexpr(1.4426950408889634)
NOTHING = tl.constexpr(-1e30)  # a score below all, whose differences are numbers

_log = logging.getLogger(__name__)


@triton.jit
def _turn(at, frequencies, position, R: tl.constexpr, E: tl.constexpr):
    """Load a head's features and rotate the pairs ``(i, i + R/2)`` by position times frequency."""
    e = tl.arange(0, E)
    x = tl.load(at + e).to(tl.float32)
    if R > 0:
        half: tl.constexpr = R // 2
        is_turned = e < R
        angle = position.to(tl.float32) * tl.load(frequencies + e % half, mask=is_turned, other=0.0)
        # Less whole turns, in two steps whose first is exact: fast sines are right near zero only.
        turns = tl.floor(angle * 0.15915494309189535 + 0.5)
        angle = (angle - turns * 6.28125) - turns * 0.0019353071795864769
        other = tl.load(at + (e + half) % R, mask=is_turned, other=0.0).to(tl.float32)
        turned = x * tl.cos(angle) + tl.where(e < half, -other, other) * tl.sin(angle)
        x = tl.where(is_turned, turned, x)
    return x


@triton.jit(do_not_specialize=["H", "L", "P", "row"])
def _read_kernel(
    qkv, keys, values, count, padding, frequencies, y, sums, tops, H, L, P, row, scale,
    R: tl.constexpr, E: tl.constexpr, ROWS: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """One program a head of a sequence and a part of its cache; the first part takes the new step as well."""
    head, part = tl.program_id(0), tl.program_id(1)
    b, h = head // H, head % H
    e, i = tl.arange(0, E), tl.arange(0, ROWS)
    position = tl.load(count + head)
    tl.debug_barrier()  # all have read it before one counts on
    new = qkv + b.to(tl.int64) * row + h * E
    query = _turn(new, frequencies, position, R, E) * scale * LOG2_E
    cache = head.to(tl.int64) * L * E
    top = tl.full((ROWS,), NOTHING, tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    read = tl.zeros((ROWS, E), tl.float32)
    if part == 0:
        kind = keys.dtype.element_ty
        key = _turn(new + H * E, frequencies, position, R, E).to(kind)
        value = tl.load(new + 2 * H * E + e).to(kind)
        tl.store(keys + cache + position * E + e, key)
        tl.store(values + cache + position * E + e, value)
        is_first = i == 0
        top = tl.where(is_first, tl.sum(query * key.to(tl.float32), axis=0), NOTHING)
        total = is_first.to(tl.float32)
        read = tl.where(is_first[:, None], value.to(tl.float32)[None, :], 0.0)
    start = 0
    if padding is not None:
        start = tl.minimum(tl.load(padding + b).to(tl.int32), position)
    share = tl.cdiv(position - start, P)
    first = start + part * share
    last = tl.minimum(first + share, position)
    for at in tl.range(first, last, ROWS, num_stages=STAGES):
        is_kept = at + i < last
        place = cache + (at + i)[:, None] * E + e[None, :]
        key = tl.load(keys + place, mask=is_kept[:, None], other=0.0).to(tl.float32)
        value = tl.load(values + place, mask=is_kept[:, None], other=0.0).to(tl.float32)
        score = tl.where(is_kept, tl.sum(key * query[None, :], axis=1), NOTHING)
        higher = tl.maximum(top, score)
        weight = tl.where(is_kept, tl.exp2(score - higher), 0.0)
        fade = tl.exp2(top - higher)
        read = read * fade[:, None] + weight[:, None] * value
        total = total * fade + weight
        top = higher
    highest = tl.max(top, axis=0)
    fade = tl.exp2(top - highest)
    total_of_all = tl.sum(total * fade, axis=0)
    read_of_all = tl.sum(read * fade[:, None], axis=0)
    if sums is None:
        tl.store(y + head * E + e, (read_of_all / total_of_all).to(y.dtype.element_ty))
        tl.store(count + head, position + 1)
    else:
        tl.store(sums + (head * P + part) * E + e, read_of_all)
        tl.store(tops + (head * P + part) * 2, highest)
        tl.store(tops + (head * P + part) * 2 + 1, total_of_all)


@triton.jit(do_not_specialize=["P"])
def _join_kernel(count, y, sums, tops, P, E: tl.constexpr):
    """One program a head of a sequence: weigh what was read in parts, and count the step."""
    head, e = tl.program_id(0), tl.arange(0, E)
    top = tl.load(tops + head * P * 2)
    total = tl.load(tops + head * P * 2 + 1)
    read = tl.load(sums + head * P * E + e)
    for part in range(1, P):
        at = head * P + part
        other = tl.load(tops + at * 2)
        higher = tl.maximum(top, other)
        fade, weight = tl.exp2(top - higher), tl.exp2(other - higher)
        read = read * fade + tl.load(sums + at * E + e) * weight
        total = total * fade + tl.load(tops + at * 2 + 1) * weight
        top = higher
    tl.store(y + head * E + e, (read / total).to(y.dtype.element_ty))
    position = tl.load(count + head)
    tl.debug_barrier()
    tl.store(count + head, position + 1)


def can_serve(keys: Tensor, *others: Tensor) -> bool:
    """Whether the kernels take a cache (B, H, L, E) and real tensors of types to float32, no gradients."""
    return (
        keys.shape[-1] in WIDTHS
        and keys.numel() > 0
        and all(x.dtype in TYPES and x.device == keys.device for x in (keys, *others))
        and not (torch.is_grad_enabled() and any(x.requires_grad for x in (keys, *others)))
        and not torch.compiler.is_compiling()
        and _runs_on(keys.device)
    )


@functools.lru_cache(maxsize=32)
def _runs_on(device: torch.device) -> bool:
    """Tell by tiny calls whether the kernels can be compiled for a device; a warning says if not."""
    caches = [torch.ones(1, 1, 4, 16, device=device) for _ in range(2)]
    count = torch.zeros(1, 1, dtype=torch.int32, device=device)
    ones = torch.ones(1, 48, device=device)

    def attempt() -> None:
        for parts in (1, 2):
            attention_step(ones, caches[0], caches[1], count, ones[0, :8], parts=parts)

    return can_launch(attempt, _log, f"Attention steps by torch on {device}, which is slower")


def attention_step(
    qkv: Tensor,
    keys: Tensor,
    values: Tensor,
    count: Tensor,
    frequencies: Tensor | None,
    padding: Tensor | None = None,
    *,
    parts: int | None = None,
) -> Tensor:
    """Take one step of softmax attention, on a GPU (or in Triton's interpreter).

    Parameters
    ----------
    qkv : Tensor, shape (B, 3 H E)
        Queries, keys and values of the step, not yet rotated.
    keys, values : Tensor, shape (B, H, L, E)
        The cache, contiguous; the step is added in place. Keys are rotated.
    count : Tensor, shape (B, H), int32
        Steps taken before, the same everywhere, contiguous; grows by one in place.
    frequencies : Tensor, shape (R/2,), optional
        Angles a step in radians, float32: the features ``i`` and ``i + R/2`` of queries and keys turn by
        ``count`` times the i-th. None rotates nothing.
    padding : Tensor, shape (B,), optional
        Leading steps of each sequence that are not read; a step among them reads itself.
    parts : int, optional
        Parts in which a cache is read; chosen by its size unless given.

    Returns
    -------
    Tensor, shape (B, H E)
        In the type of ``qkv``; arithmetic is float32.

    References
    ----------
    arXiv 1805.02867 (softmax in one pass); arXiv 2104.09864, equation 34.
    """
    B, H, L, E = keys.shape
    tile, warps, stages = PLAN
    qkv = qkv if qkv.stride(1) == 1 else qkv.contiguous()
    y = torch.empty((B, H * E), dtype=qkv.dtype, device=qkv.device)
    P = parts or max(1, min(PROGRAMS // (B * H), L // SHORTEST_PART))
    sums = tops = None
    if P > 1:
        sums, tops = (torch.empty((B * H, P, n), device=qkv.device) for n in (E, 2))
    R = 0 if frequencies is None else 2 * frequencies.shape[0]
    with on_device(qkv):
        _read_kernel[(B * H, P)](
            qkv, keys, values, count, padding, frequencies, y, sums, tops, H, L, P, qkv.stride(0), E**-0.5,
            R, E, tile, stages, num_warps=warps,
        )  # fmt: skip
        if P > 1:
            _join_kernel[(B * H,)](count, y, sums, tops, P, E, num_warps=1)
    return y
