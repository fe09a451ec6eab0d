"""Long convolution through learned butterfly transforms, and a measure of what learning does to causality."""

# Shapes: B batch, D width, L length, K taps, n points of the transform

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.ops.long_conv.butterfly import ButterflyTransform
from longwave.ops.long_conv.fft import next_fast_length

__all__ = ["ButterflyConv", "butterfly_conv", "causal_leak"]


def butterfly_conv(
    u: Tensor,
    k: Tensor,
    transform_u: ButterflyTransform,
    transform_k: ButterflyTransform,
    skip: Tensor | None = None,
) -> Tensor:
    """Convolve through learned transforms of signal and filter, and an exact inverse.

    Parameters
    ----------
    u : Tensor, shape (B, D, L)
    k : Tensor, shape (D, K), L + K - 1 <= n
        ``k[:, 0]`` multiplies the present step.
    transform_u, transform_k : ButterflyTransform
        Of the same ``n``; they may be one module.
    skip : Tensor, shape (D,), optional
        Weight of ``u`` itself, added after the convolution.

    Returns
    -------
    Tensor, shape (B, D, L)
        In the type of ``u``; computed in float32 or wider.

    Raises
    ------
    ShapeError
        If widths differ, or signal and filter together are too long for the transform.

    Notes
    -----
    ``y = Re ifft(transform_u(u) * transform_k(k)) + skip u``, the first L steps. With exact factors this is
    ``long_conv``. **With learned ones it is not causal**: zero padding keeps the future out only because the
    transforms turn convolutions into products, and others do not. ``causal_leak`` measures how far it is off;
    do not use it in a model that predicts the next step.
    """
    if u.dim() != 3 or k.dim() != 2 or k.shape[0] != u.shape[1]:
        raise ShapeError(
            f"butterfly_conv needs u of shape (B, D, L) and k of shape (D, K), not {tuple(u.shape)} and "
            f"{tuple(k.shape)}. Give one filter per channel."
        )
    if not u.is_floating_point() or not k.is_floating_point():
        raise ShapeError(f"butterfly_conv needs real floating-point tensors, not {u.dtype} and {k.dtype}.")
    if skip is not None and tuple(skip.shape) != (u.shape[1],):
        raise ShapeError(f"skip has shape {tuple(skip.shape)}, not ({u.shape[1]},): one weight per channel.")
    points = min(transform_u.n, transform_k.n)
    if transform_u.n != transform_k.n or u.shape[-1] + k.shape[-1] - 1 > points:
        raise ShapeError(
            f"A signal of {u.shape[-1]} steps and a filter of {k.shape[-1]} taps need two transforms of the "
            f"same {u.shape[-1] + k.shape[-1] - 1} points or more, not {transform_u.n} and {transform_k.n}."
        )
    spectrum = transform_u(u) * transform_k(k)  # (B, D, n)
    full = torch.fft.ifft(spectrum) if spectrum.numel() else spectrum  # no transform of an empty batch
    y: Tensor = full[..., : u.shape[-1]].real
    if skip is not None:
        y = y + skip.to(y.dtype)[:, None] * u
    return y.to(u.dtype)


class ButterflyConv(nn.Module):
    """A long convolution whose two forward transforms are learned; not causal once they are.

    Parameters
    ----------
    d_model : int
        Width.
    max_length : int
        Longest signal and longest filter.
    order, heads, parametrization, correction_std, dropout, dtype
        Of the transforms, as in ``ButterflyTransform``; signal and filter have one each.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Notes
    -----
    ``butterfly_conv`` over the first fast length from ``2 max_length - 1`` on. Equals ``long_conv`` until the
    factors are trained or ``correction_std`` is above 0.

    References
    ----------
    The learned extension of FlashButterfly, arXiv 2302.06646.

    Examples
    --------
    >>> conv = ButterflyConv(4, max_length=10, order=3)
    >>> conv(torch.randn(2, 4, 7), torch.randn(4, 7)).shape
    torch.Size([2, 4, 7])
    """

    def __init__(
        self,
        d_model: int,
        max_length: int,
        order: int = 2,
        *,
        heads: int = 1,
        parametrization: Literal["free", "additive"] = "free",
        correction_std: float = 0.0,
        dropout: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if d_model < 1 or max_length < 1:
            raise ConfigError(f"d_model is {d_model} and max_length {max_length}; both must be at least 1.")
        if heads > 0 and d_model % heads:
            raise ConfigError(f"heads is {heads}, which does not divide d_model={d_model}; give a divisor.")
        self.d_model = d_model
        self.max_length = max_length
        n = next_fast_length(max(2 * max_length - 1, 16))  # 16 on, these have three factors
        self.transform_u, self.transform_k = (
            ButterflyTransform(
                n,
                order,
                heads,
                parametrization=parametrization,
                correction_std=correction_std,
                dropout=dropout,
                dtype=dtype,
            )
            for _ in range(2)
        )

    def forward(self, u: Tensor, k: Tensor, skip: Tensor | None = None) -> Tensor:
        """Convolve ``u`` (B, D, L) with ``k`` (D, K), both up to ``max_length``, as ``butterfly_conv``."""
        if max(u.shape[-1:] + k.shape[-1:], default=0) > self.max_length:
            raise ShapeError(
                f"Signal {tuple(u.shape)} and filter {tuple(k.shape)} may have {self.max_length} steps at "
                f"most. Cut them or build the convolution with a larger max_length."
            )
        return butterfly_conv(u, k, self.transform_u, self.transform_k, skip)


def causal_leak(conv: Callable[[Tensor], Tensor], u: Tensor, *, seed: int = 0) -> float:
    """Measure how much of an operator's response comes from the future.

    Parameters
    ----------
    conv : callable
        From (B, D, L) to (B, D', L), differentiable: a convolution with its filter bound, or a whole layer.
    u : Tensor, shape (B, D, L)
        Where to measure; for a linear operator any value serves.
    seed : int
        Of the random signs with which the outputs of one step are summed.

    Returns
    -------
    float
        ``sqrt(sum_{s>t} g[t, s]^2 / sum_{t,s} g[t, s]^2)`` with ``g[t, s]`` the gradient of the signed
        outputs at step ``t`` by the input at step ``s``: 0 for a causal operator, up to rounding, at most 1.

    Raises
    ------
    ShapeError
        If the operator does not keep batch and length.

    Notes
    -----
    One forward pass and L backward passes: meant for a few hundred steps.

    Examples
    --------
    >>> causal_leak(lambda u: u.cumsum(-1), torch.randn(1, 2, 9))
    0.0
    """
    u = u.detach().requires_grad_()
    with torch.enable_grad():
        y = conv(u)
        outputs = y.unbind(-1)
    if u.dim() != 3 or y.dim() != 3 or (y.shape[0], y.shape[2]) != (u.shape[0], u.shape[2]):
        raise ShapeError(
            f"causal_leak needs an operator from (B, D, L) to (B, D', L), not {tuple(u.shape)} to "
            f"{tuple(y.shape)}. Transpose inside a lambda where time is not last."
        )
    generator = torch.Generator().manual_seed(seed)
    signs = (2 * torch.randint(2, y.shape, generator=generator) - 1).to(y)
    past = future = 0.0
    for t, output in enumerate(outputs):
        (grad,) = torch.autograd.grad(output, u, signs[..., t], retain_graph=True)
        past += float(grad[..., : t + 1].double().square().sum())
        future += float(grad[..., t + 1 :].double().square().sum())
    return math.sqrt(future / (past + future)) if future else 0.0
