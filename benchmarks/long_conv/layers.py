"""Layers around the convolution: short filter, whole Hyena mixer, attention with and without projections."""

# Shapes: B batch, D width, L length, H heads, P width of a head

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from competitors import compiled_fft_conv, fft_conv, flash_fft_conv
from problems import Case, Conv, NotHereError, Problem
from torch import Tensor, nn

from longwave.ops import short_conv

Builder = Callable[[Problem], Case]
TAPS = 3


def short_cases() -> dict[str, Builder]:
    """Return the short filter over the three projections of Hyena, time last or width last in memory."""
    return {
        "ours": lambda problem: _short_case(problem, _our_short),
        "conv1d": lambda problem: _short_case(problem, _conv1d),
        "ours-width-last": lambda problem: _short_case(problem, _our_short, width_last=True),
        "conv1d-width-last": lambda problem: _short_case(problem, _conv1d, width_last=True),
    }


def short_floor_bytes(problem: Problem) -> tuple[int, int]:
    """Return the bytes of forward and forward+backward: 3 D channels read and written once each."""
    return 6 * problem.signal_bytes, 15 * problem.signal_bytes


def _our_short(z: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return short_conv(z, weight, bias)


def _conv1d(z: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    taps = weight.flip(-1)[:, None].to(z.dtype)
    return F.conv1d(z, taps, bias.to(z.dtype), padding=TAPS - 1, groups=len(taps))[..., : z.shape[-1]]


def _short_case(
    problem: Problem, conv: Callable[[Tensor, Tensor, Tensor], Tensor], width_last: bool = False
) -> Case:
    channels, options = 3 * problem.width, {"device": problem.device, "dtype": problem.dtype}
    if width_last:
        z = torch.randn(problem.batch, problem.length, channels, **options).transpose(1, 2)
    else:
        z = torch.randn(problem.batch, channels, problem.length, **options)
    weight = torch.randn(channels, TAPS, device=problem.device)
    wanted = [z, weight, torch.randn(channels, device=problem.device)]
    for tensor in wanted:
        tensor.requires_grad_()
    return Case(lambda: conv(*wanted), wanted, torch.randn_like(z).detach())


def mixer_cases(compile_lengths: list[int], compile_ours: bool) -> dict[str, Builder]:
    """Return the order-2 Hyena mixer with projections and filter network in several ways, and attention's."""
    cases = {
        "ours": lambda problem: _mixer_case(problem, _hyena(problem)),
        "torch-hyena": lambda problem: _mixer_case(problem, TorchHyena(_hyena(problem), fft_conv)),
        "torch-hyena-compiled": lambda problem: _compiled(
            problem, TorchHyena(_hyena(problem), fft_conv), compile_lengths
        ),
        "flash-fft-hyena": lambda problem: _mixer_case(
            problem, TorchHyena(_hyena(problem), flash_fft_conv(torch.bfloat16, problem))
        ),
        "attention": lambda problem: _mixer_case(problem, AttentionMixer(problem.width, head_width(problem))),
    }
    if compile_ours:
        cases["ours-compiled"] = lambda problem: _compiled(problem, _hyena(problem), compile_lengths)
    return cases


def head_width(problem: Problem) -> int:
    return 128 if problem.width % 128 == 0 else problem.width


def _hyena(problem: Problem) -> nn.Module:
    from longwave.mixers import Hyena

    torch.manual_seed(0)
    return Hyena(problem.width, max_length=problem.length)


def _compiled(problem: Problem, module: nn.Module, lengths: list[int]) -> Case:
    compiled_fft_conv(lengths, problem)  # refuses other lengths, and forgets what was compiled before
    return _mixer_case(problem, torch.compile(module, dynamic=False))


def _mixer_case(problem: Problem, module: nn.Module) -> Case:
    """Return a layer on (B, L, D): float32 weights, bfloat16 autocast on a GPU, gradients of all weights."""
    module = module.to(problem.device)
    shape = (problem.batch, problem.length, problem.width)
    x = torch.randn(shape, device=problem.device, dtype=problem.dtype, requires_grad=True)
    grad = torch.randn_like(x).detach()

    def compute() -> Tensor:
        with torch.autocast(problem.device, torch.bfloat16, enabled=problem.device == "cuda"):
            y: Tensor = module(x)
            return y

    return Case(compute, [x, *(p for p in module.parameters() if p.requires_grad)], grad)


class TorchHyena(nn.Module):
    """A Hyena mixer's weights in the form it is usually written: linear, conv1d, long convolution, linear."""

    def __init__(self, hyena: nn.Module, conv: Conv) -> None:
        super().__init__()
        self.hyena, self.conv = hyena, conv

    def forward(self, x: Tensor) -> Tensor:
        own = self.hyena
        z = own.in_proj(x).transpose(1, 2)  # (B, 3 D, L)
        outer, inner, w = _conv1d(z, own.short_weight, own.short_bias).chunk(3, dim=1)
        taps = own.filters(x.shape[1])[0]
        first = taps[:, :1] + own.skip[0][:, None]  # the skip is one more weight of the present step
        y = self.conv(w, torch.cat([first, taps[:, 1:]], dim=1), inner, outer)
        out: Tensor = own.out_proj(y.transpose(1, 2))
        return out


class AttentionMixer(nn.Module):
    """Causal attention with its projections, cuDNN's kernel on a GPU."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        self.head_width = head_width
        self.in_proj, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        heads = self.in_proj(x).view(batch, length, 3, -1, self.head_width).permute(2, 0, 3, 1, 4)
        y = _attend(*heads.unbind(0), "cudnn" if x.is_cuda else "math")
        out: Tensor = self.out_proj(y.transpose(1, 2).reshape(batch, length, width))
        return out


def attention_cases() -> dict[str, Builder]:
    """Return attention alone by kernel and width of a head; no projections."""
    return {
        f"{kernel}-attention-{width}": lambda problem, kernel=kernel, width=width: _attention_case(
            problem, kernel, width
        )
        for width in (128, 64)
        for kernel in ("cudnn", "flash")
    }


def _attention_case(problem: Problem, kernel: str, head_width: int) -> Case:
    if problem.device != "cuda":
        raise NotHereError("attention is compared on GPUs only")
    shape = (problem.batch, problem.width // head_width, problem.length, head_width)  # (B, H, L, P)
    wanted = [
        torch.randn(shape, device=problem.device, dtype=problem.dtype, requires_grad=True) for _ in range(3)
    ]
    return Case(lambda: _attend(*wanted, kernel), wanted, torch.randn_like(wanted[0]).detach())


def _attend(q: Tensor, k: Tensor, v: Tensor, kernel: str) -> Tensor:
    from torch.nn.attention import SDPBackend, sdpa_kernel

    backends = {
        "cudnn": SDPBackend.CUDNN_ATTENTION,
        "flash": SDPBackend.FLASH_ATTENTION,
        "math": SDPBackend.MATH,
    }
    with sdpa_kernel(backends[kernel]):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
