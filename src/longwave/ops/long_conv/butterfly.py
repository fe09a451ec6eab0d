"""The Fourier transform as a product of small matrices that can be learned.

A length ``n = n_1 m`` splits a position into ``s = a m + b`` and a frequency into ``f = k + n_1 l``; then

    X[k + n_1 l] = sum_b W_m[l, b] T[k, b] sum_a W_1[k, a] x[a m + b],      T[k, b] = exp(-2 pi i k b / n)

with the transform matrices ``W_1`` of length ``n_1`` and ``W_m`` of length ``m``; order 3 splits ``W_m`` the
same way. Here the small matrices are parameters that start as the exact ones, and the twiddles ``T`` stay.
"""

# Shapes: B batch, D width, L length, H heads, n points of the transform, n_i size of factor i,
# m_i = n_{i+1} ... n_p points behind it, R rows a head

from __future__ import annotations

import itertools
import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.ops.long_conv.fft import next_fast_length

__all__ = ["ButterflyTransform", "balanced_factors"]

ORDERS = (2, 3)
PARAMETRIZATIONS = ("additive", "free")


def balanced_factors(n: int, order: int = 2) -> tuple[int, ...]:
    """Split a length into 2 or 3 factors with the smallest sum, the largest first.

    Parameters
    ----------
    n : int
    order : int
        Number of factors, each at least 2.

    Raises
    ------
    ConfigError
        If the order is neither 2 nor 3, or ``n`` has fewer prime factors than that.

    Notes
    -----
    The sum is what counts: a transform takes ``n (n_1 + ... + n_p)`` complex products.

    Examples
    --------
    >>> balanced_factors(1024), balanced_factors(1024, order=3), balanced_factors(30)
    ((32, 32), (16, 8, 8), (6, 5))
    """
    if order not in ORDERS:
        raise ConfigError(f"order is {order}; a butterfly has 2 or 3 factors. Set order=2 or order=3.")
    small = [d for d in range(2, math.isqrt(max(n, 0)) + 1) if n % d == 0]
    divisors = sorted({*small, *(n // d for d in small)})
    heads = itertools.product(divisors, repeat=order - 1)
    splits = [(*head, n // math.prod(head)) for head in heads if n % math.prod(head) == 0]
    splits = [split for split in splits if split[-1] > 1]
    if not splits:
        why = "is prime" if n > 1 and not small else f"has fewer than {order} prime factors"
        raise ConfigError(
            f"A butterfly of order {order} cannot have {n} points: {n} {why}. Give a product of {order} "
            f"numbers above 1, such as {next_fast_length(max(n, 16))}; shorter inputs are padded with zeros."
        )
    return tuple(sorted(min(splits, key=lambda split: (sum(split), max(split))), reverse=True))


class ButterflyTransform(nn.Module):
    """A discrete Fourier transform whose factors are parameters.

    Parameters
    ----------
    n : int
        Points; any number with at least ``order`` prime factors.
    order : {2, 3}
        Number of factors, chosen by ``balanced_factors``.
    heads : int
        Copies of the factors; each serves ``D / heads`` neighbouring channels.
    parametrization : {"free", "additive"}
        ``"free"``: the factors themselves are learned. ``"additive"``: the exact factors stay and a
        correction is learned.
    correction_std : float
        Standard deviation of the correction's first values, for ``"additive"``. 0 starts at the exact
        transform; the public code of the paper starts at 0.01.
    dropout : float
        Probability of dropping an entry of the correction in training, for ``"additive"``.
    dtype : torch.dtype
        Of parameters and twiddles, float32 or float64. ``.double()`` later does not make float32 values more
        exact.

    Attributes
    ----------
    factors : nn.ParameterList
        The factors, or their corrections: (heads, n_i, n_i, 2), real and imaginary part last. Real storage
        keeps optimisers, DDP and safetensors happy.

    Raises
    ------
    ConfigError
        If a value is out of range or ``n`` does not factor.

    Notes
    -----
    ``n sum_i n_i`` complex products a channel: slower than an FFT, and matrix products throughout. There are
    ``heads * sum_i n_i^2`` complex parameters; the paper trains them at a learning rate of their own, 1e-3,
    without weight decay. At the exact factors the error against ``torch.fft`` is that of rounding: 1e-6
    relative in float32, 1e-15 in float64.

    References
    ----------
    The learned extension of FlashButterfly, arXiv 2302.06646. Its public code learns blocks of at most 16
    points and recurses; here there are ``order`` factors of balanced size.

    Examples
    --------
    >>> transform = ButterflyTransform(12)
    >>> x = torch.arange(12.0)[None]
    >>> torch.allclose(transform(x), torch.fft.fft(x), atol=1e-4)
    True
    """

    def __init__(
        self,
        n: int,
        order: int = 2,
        heads: int = 1,
        *,
        parametrization: Literal["free", "additive"] = "free",
        correction_std: float = 0.0,
        dropout: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        _check_settings(heads, parametrization, correction_std, dropout, dtype)
        self.sizes = balanced_factors(n, order)
        self.n = n
        self.order = order
        self.heads = heads
        self.parametrization = parametrization
        self.dropout = dropout
        self.factors = nn.ParameterList()
        rest = n
        for i, size in enumerate(self.sizes):
            exact = _roots(size, size, size, dtype).expand(heads, -1, -1, -1).clone()  # (H, n_i, n_i, 2)
            rest //= size
            self.register_buffer(f"twiddle_{i}", _roots(size, rest, size * rest, dtype), persistent=False)
            if parametrization == "additive":
                self.register_buffer(f"exact_{i}", exact, persistent=False)
                exact = nn.init.normal_(torch.empty_like(exact), std=correction_std)
            self.factors.append(nn.Parameter(exact))

    def factor(self, i: int) -> Tensor:
        """Return factor ``i`` as it is used now, complex, (heads, n_i, n_i); in training with dropout."""
        stored: Tensor = self.factors[i]
        if self.parametrization == "additive":
            keep = F.dropout(torch.ones_like(stored[..., :1]), self.dropout, self.training)
            stored = self.get_buffer(f"exact_{i}") + keep * stored  # real and imaginary part fall together
        return torch.view_as_complex(stored.to(torch.promote_types(stored.dtype, torch.float32)).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """Transform every channel.

        Parameters
        ----------
        x : Tensor, shape (..., D, L), L <= n
            Real or complex; padded with zeros at the end.

        Returns
        -------
        Tensor, shape (..., D, n)
            Complex, frequencies in the order of ``torch.fft.fft``.

        Raises
        ------
        ShapeError
            If the input is too long, or its width is no multiple of the heads.
        """
        self._check_input(x)
        with torch.autocast(x.device.type, enabled=False):
            factors = [self.factor(i) for i in range(self.order)]
            z = x.to(torch.promote_types(x.dtype, factors[0].dtype))
            z = F.pad(z, (0, self.n - x.shape[-1]))
            batch, per_head = math.prod(x.shape[:-2]), x.shape[-2] // self.heads
            rows, rest = per_head, self.n
            for i, (size, factor) in enumerate(zip(self.sizes, factors, strict=True)):
                rest //= size
                z = z.reshape(batch, self.heads, rows, size, rest)  # (B, H, R, n_i, m_i)
                z = torch.einsum("hka,bhrac->bhrkc", factor.to(z.dtype), z)
                if rest > 1:
                    z = z * torch.view_as_complex(self.get_buffer(f"twiddle_{i}")).to(z.dtype)
                rows *= size
            z = z.reshape(batch, x.shape[-2], *self.sizes)  # (B, D, k_1, ..., k_p): f = k_1 + n_1 (k_2 + ...)
            z = z.permute(0, 1, *range(self.order + 1, 1, -1))
            spectrum: Tensor = z.reshape(*x.shape[:-1], self.n)
        return spectrum

    def extra_repr(self) -> str:
        """Say sizes and heads when printed."""
        return f"{self.n}, sizes={self.sizes}, heads={self.heads}, parametrization={self.parametrization!r}"

    def _check_input(self, x: Tensor) -> None:
        if x.dim() < 2 or x.shape[-2] % self.heads:
            raise ShapeError(
                f"This butterfly takes (..., D, L) with D a multiple of its {self.heads} heads, not "
                f"{tuple(x.shape)}. Change the input or build the transform with other heads."
            )
        if x.shape[-1] > self.n:
            raise ShapeError(
                f"The input has {x.shape[-1]} steps {tuple(x.shape)} but this butterfly has {self.n} points. "
                f"Cut the input or build a larger transform."
            )


def _roots(rows: int, columns: int, n: int, dtype: torch.dtype) -> Tensor:
    """Return ``exp(-2 pi i r c / n)`` for all rows and columns, (rows, columns, 2); angles are reduced."""
    turns = torch.outer(torch.arange(rows), torch.arange(columns)).remainder(n).double() / n
    angles = -2 * math.pi * turns
    return torch.stack([angles.cos(), angles.sin()], dim=-1).to(dtype)


def _check_settings(
    heads: int, parametrization: str, correction_std: float, dropout: float, dtype: torch.dtype
) -> None:
    rules = (
        ("heads", heads, heads >= 1, "at least 1"),
        ("parametrization", parametrization, parametrization in PARAMETRIZATIONS, '"free" or "additive"'),
        ("correction_std", correction_std, 0 <= correction_std < math.inf, "0 or above"),
        ("dropout", dropout, 0 <= dropout < 1, "from 0 to below 1"),
        ("dtype", dtype, dtype in (torch.float32, torch.float64), "torch.float32 or torch.float64"),
    )
    for name, value, is_fine, accepted in rules:
        if not is_fine:
            raise ConfigError(f"{name} of a butterfly is {value!r}; give {accepted}.")
    if parametrization == "free" and (correction_std or dropout):
        raise ConfigError(
            f"A free butterfly has no correction, but correction_std is {correction_std} and dropout is "
            f'{dropout}. Leave both at 0 or set parametrization="additive".'
        )
