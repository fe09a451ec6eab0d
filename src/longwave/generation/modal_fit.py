"""Fit sums of decaying oscillations to filters: order by Hankel values, poles by Ho-Kalman, then AdamW."""

# Shapes: C filters, L taps, n rows of a Hankel matrix, r rank, N modes of a filter

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.mixers.modal import ModalConfig, ModalFilter, inverse_softplus

__all__ = ["ModalFit", "fit_modes", "hankel_values", "ho_kalman"]

DENSE_UP_TO = 256  # rows of a Hankel matrix that is decomposed whole
OVERSAMPLING, POWER_STEPS = 16, 3
NUMERIC_RANK = 1e-13  # singular values below this share of the largest are rounding
RIDGE = 1e-8
RATES = (1e-7, 30.0)  # of decay a step: a pole of radius 1, one that is gone at once
BLOCK_NUMBERS = 2**23  # float64 numbers worked on at a time: 64 MB
RATES_OF_LEARNING = {"decay": 1e-2, "angle": 1e-3, "residue": 1e-2}


@dataclass(frozen=True, kw_only=True)
class ModalFit:
    """Modal filters fitted to given taps, and how well they fit.

    Parameters
    ----------
    filter : ModalFilter
        In float64; filters of fewer modes than the largest have zero residues.
    orders : Tensor, shape (C,), int64
        Modes of each filter; a pair of conjugate poles counts as one.
    l1_error, l1_norm : Tensor, shape (C,), float64
        ``sum |h - h^|`` over all taps, and ``sum |h|``. An output is off by at most ``l1_error * max |y|``.
    l2_error : Tensor, shape (C,), float64
        ``||h - h^||_2 / ||h||_2``.
    hankel_tail : Tensor, shape (C,), float64
        ``sigma_(d+1) / sigma_1`` at the number d of poles used: no filter of d poles is nearer in the Hankel
        norm.
    """

    filter: ModalFilter
    orders: Tensor
    l1_error: Tensor
    l1_norm: Tensor
    l2_error: Tensor
    hankel_tail: Tensor


def hankel_values(taps: Tensor, n_values: int) -> Tensor:
    """Return the largest singular values of every filter's Hankel matrix, ``S[i, j] = h[1 + i + j]``.

    Parameters
    ----------
    taps : Tensor, shape (C, L)
        At least 4 taps.
    n_values : int
        At most the matrix' rows, ``(L - 1) // 2``, are returned.

    Returns
    -------
    Tensor, shape (C, n_values), float64
        Falling. Above 256 rows by a randomised subspace iteration that never forms the matrix,
        O(C n_values L log L): then from below, exact where the values fall.

    Raises
    ------
    ShapeError
        If there are too few taps.

    References
    ----------
    Section 3.3 of arXiv 2310.18780; the subspace iteration is algorithm 4.4 of arXiv 0909.4061.

    Examples
    --------
    >>> taps = 0.5 ** torch.arange(12.0)  # one pole
    >>> (hankel_values(taps[None], 2) > 1e-9).tolist()
    [[True, False]]
    """
    values, _ = _hankel_modes(_checked(taps), n_values)
    return values.abs()


def ho_kalman(taps: Tensor, rank: int) -> Tensor:
    """Return the poles of the system of a given order that a filter's Hankel matrix points to.

    Parameters
    ----------
    taps : Tensor, shape (C, L)
        At least 4 taps.
    rank : int
        Poles a filter, at most ``(L - 1) // 2``.

    Returns
    -------
    Tensor, shape (C, rank), complex128
        Complex ones in conjugate pairs; those outside the unit circle are mirrored into it.

    Notes
    -----
    With ``S = U Sigma V*``, the eigenvalues of ``Sigma^-1/2 U* S' V Sigma^-1/2`` of the leading ``rank``
    singular vectors, ``S'`` the matrix one tap later.

    References
    ----------
    Ho and Kalman (1966), as in appendix C of arXiv 2310.18780.

    Examples
    --------
    >>> taps = 0.5 ** torch.arange(12.0, dtype=torch.float64)
    >>> ho_kalman(taps[None], 1).real.round(decimals=9)
    tensor([[0.5000]], dtype=torch.float64)
    """
    transition, _ = _transition(_checked(taps), rank)
    return _inside(torch.linalg.eigvals(transition[:, :rank, :rank]))


def fit_modes(
    taps: Tensor,
    *,
    order: int | None = None,
    tolerance: float = 1e-2,
    max_order: int = 64,
    steps: int = 200,
    progress: Callable[[int, int], None] | None = None,
) -> ModalFit:
    """Fit modal filters to the taps of given ones.

    Parameters
    ----------
    taps : Tensor, shape (C, L)
        At least 4 taps; the first is kept exactly.
    order : int, optional
        Modes a filter; default: as many as the tolerance needs.
    tolerance : float
        A filter gets the smallest number of poles d with ``sigma_(d+1) < tolerance * sigma_1``.
    max_order : int
        Modes that the tolerance may ask for at most.
    steps : int
        Of AdamW on ``||h - h^||_2`` over poles and residues, between the first fit and the last residues; a
        filter that it does not improve keeps the first fit.
    progress : callable, optional
        Called as ``progress(done, steps)``.

    Raises
    ------
    ConfigError
        If a setting is out of range.
    ShapeError
        If there are too few taps.

    Notes
    -----
    In float64. Residues solve the least squares problem of given poles with a ridge of 1e-8. Deterministic.

    References
    ----------
    Sections 3.1 to 3.3 of arXiv 2310.18780.
    """
    _check_settings(order, tolerance, max_order, steps)
    taps = _checked(taps)
    poles, tail = _first_poles(taps, order, tolerance, max_order)
    orders = torch.tensor([len(own) for own in poles])
    width = max(int(orders.max()), 1) if order is None else order
    filter = ModalFilter(len(taps), taps.shape[1], ModalConfig(order=width)).to(taps.device).double()
    with torch.no_grad():
        filter.first.copy_(taps[:, 0])
        for row, own in enumerate(poles):
            filter.decay[row], filter.angle[row] = 0.0, 0.0
            filter.decay[row, : len(own)] = inverse_softplus(-own.abs().log().clamp(-RATES[1], -RATES[0]))
            filter.angle[row, : len(own)] = own.angle()
    used = torch.arange(width) < orders[:, None]  # (C, N)
    _solve_residues(filter, taps, used.to(taps.device))
    if steps:
        _refine(filter, taps, used.to(taps.device), steps, progress)
    error = taps - filter(taps.shape[1]).detach()
    return ModalFit(
        filter=filter,
        orders=orders,
        l1_error=error.abs().sum(1),
        l1_norm=taps.abs().sum(1),
        l2_error=_relative(error, taps),
        hankel_tail=tail,
    )


def _first_poles(
    taps: Tensor, order: int | None, tolerance: float, max_order: int
) -> tuple[list[Tensor], Tensor]:
    """Choose each filter's number of poles; return those with a non-negative angle, and the Hankel tails."""
    largest = order if order is not None else max_order
    transition, values = _transition(taps, 2 * largest + 1)
    shares = values.abs() / values.abs()[:, :1].clamp(min=torch.finfo(values.dtype).tiny)
    found, tails = [], []
    for matrix, share in zip(transition.cpu(), shares.cpu(), strict=True):
        rank = int((share > (NUMERIC_RANK if order is not None else tolerance)).sum())
        rank = min(rank, 2 * largest)
        own = _upper(matrix, rank)
        while len(own) > largest:  # real poles count whole: fewer fit
            rank -= 1
            own = _upper(matrix, rank)
        found.append(own.to(taps.device))
        tails.append(share[rank] if rank < len(share) else share.new_zeros(()))
    return found, torch.stack(tails)


def _upper(matrix: Tensor, rank: int) -> Tensor:
    """Return the poles of the leading block that lie on or above the real axis."""
    poles = torch.linalg.eigvals(matrix[:rank, :rank])
    return _inside(poles[poles.imag >= 0])


def _inside(poles: Tensor) -> Tensor:
    radius = poles.abs()
    return torch.where(radius > 1, poles / radius.square().clamp(min=1), poles)


def _transition(taps: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return Ho and Kalman's matrix, whose leading blocks are those of every smaller rank, and the values."""
    values, vectors = _hankel_modes(taps, rank)  # signed: S is symmetric, so V = U sign
    shifted = _hankel_product(taps[:, 2:], vectors)
    size = values.abs().clamp(min=torch.finfo(values.dtype).tiny)
    is_real = size > NUMERIC_RANK * size[:, :1]
    root = torch.where(is_real, size.rsqrt(), 0.0)
    inner = vectors.mT @ shifted  # (C, r, r)
    return root[:, :, None] * inner * (values.sign() * root)[:, None], values


def _hankel_modes(taps: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return the largest eigenvalues (C, r) of the symmetric Hankel matrices and their vectors (C, n, r)."""
    n = (taps.shape[1] - 1) // 2
    rank = min(rank, n)
    columns = n if n <= DENSE_UP_TO else min(rank + OVERSAMPLING, n)
    start = torch.eye(n, dtype=taps.dtype, device=taps.device)
    if columns < n:
        generator = torch.Generator().manual_seed(0)
        start = torch.randn(n, columns, generator=generator, dtype=taps.dtype).to(taps.device)
    block = max(BLOCK_NUMBERS // (4 * n * columns), 1)
    parts = [_eigen(part[:, 1:], start, rank, n) for part in torch.split(taps, block)]
    return torch.cat([values for values, _ in parts]), torch.cat([vectors for _, vectors in parts])


def _eigen(g: Tensor, start: Tensor, rank: int, n: int) -> tuple[Tensor, Tensor]:
    q = start.expand(len(g), -1, -1)
    if start.shape[1] < n:
        for _ in range(POWER_STEPS + 1):
            q, _ = torch.linalg.qr(_hankel_product(g, q))
    small = q.mT @ _hankel_product(g, q)
    values, vectors = torch.linalg.eigh((small + small.mT) / 2)
    chosen = values.abs().argsort(dim=1, descending=True)[:, :rank]
    vectors = vectors.gather(2, chosen[:, None].expand(-1, vectors.shape[1], -1))
    return values.gather(1, chosen), q @ vectors


def _hankel_product(g: Tensor, x: Tensor) -> Tensor:
    """Return ``y[i] = sum_j g[i + j] x[j]`` for g (C, >= 2n-1) and x (C, n, r), by FFT."""
    n = x.shape[1]
    n_fft = 1 << (2 * n - 2).bit_length()
    spectrum = torch.fft.rfft(g[:, : 2 * n - 1], n=n_fft)[..., None]
    product: Tensor = torch.fft.irfft(spectrum * torch.fft.rfft(x.flip(1), n=n_fft, dim=1), n=n_fft, dim=1)
    return product[:, n - 1 : 2 * n - 1]


def _solve_residues(filter: ModalFilter, taps: Tensor, used: Tensor) -> None:
    """Set the residues to the least squares solution for the filter's poles; unused modes get none."""
    length = taps.shape[1] - 1
    log_poles, _ = filter.modes()
    steps = torch.arange(length, dtype=torch.float64, device=taps.device)
    block = max(BLOCK_NUMBERS // (4 * length * used.shape[1]), 1)
    with torch.no_grad():
        for rows in torch.split(torch.arange(len(taps), device=taps.device), block):
            powers = (log_poles[rows][..., None] * steps).exp() * used[rows][..., None]  # (c, N, L-1)
            basis = torch.cat([powers.real, -powers.imag], dim=1)  # (c, 2N, L-1)
            gram = basis @ basis.mT
            size = gram.diagonal(dim1=1, dim2=2)
            ridge = RIDGE * size.mean(1, keepdim=True) + torch.finfo(size.dtype).tiny
            system = gram + torch.diag_embed(ridge.expand_as(size))
            solved = torch.linalg.solve(system, basis @ taps[rows, 1:, None])[..., 0]  # (c, 2N)
            filter.residue[rows] = torch.stack(solved.chunk(2, dim=1), dim=-1)


def _refine(
    filter: ModalFilter,
    taps: Tensor,
    used: Tensor,
    steps: int,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Descend on the relative squared error; filters that did not gain get their old poles back."""
    before = {name: value.detach().clone() for name, value in filter.named_parameters()}
    old = _relative(taps - filter(taps.shape[1]).detach(), taps)
    scale = taps[:, 1:].square().sum(1).clamp(min=torch.finfo(taps.dtype).tiny)
    # AdamW's steps have the size of the learning rate, whatever the size of a residue
    unit = float(before["residue"][used].abs().mean()) if used.any() else 1.0
    groups = [
        {"params": [getattr(filter, name)], "lr": lr * (unit if name == "residue" else 1.0)}
        for name, lr in RATES_OF_LEARNING.items()
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / steps)
    )
    filter.first.requires_grad_(False)
    for step in range(steps):
        optimizer.zero_grad()
        loss = ((taps - filter(taps.shape[1])).square().sum(1) / scale).sum()
        loss.backward()
        optimizer.step()
        schedule.step()
        if progress is not None:
            progress(step + 1, steps)
    filter.first.requires_grad_(True)
    _solve_residues(filter, taps, used)
    gained = _relative(taps - filter(taps.shape[1]).detach(), taps) < old
    with torch.no_grad():
        for name, value in filter.named_parameters():
            keep = gained.view(-1, *[1] * (value.dim() - 1))
            value.copy_(torch.where(keep, value, before[name]))


def _relative(error: Tensor, taps: Tensor) -> Tensor:
    size = taps.norm(dim=1)
    return torch.where(size > 0, error.norm(dim=1) / size.clamp(min=torch.finfo(size.dtype).tiny), 0.0)


def _checked(taps: Tensor) -> Tensor:
    if taps.dim() != 2 or taps.shape[0] == 0 or taps.shape[1] < 4 or not taps.is_floating_point():
        raise ShapeError(
            f"Filters to fit are real, at least one, of at least 4 taps, shape (C, L); these have shape "
            f"{tuple(taps.shape)} and type {taps.dtype}. Give more taps."
        )
    return taps.detach().double()


def _check_settings(order: int | None, tolerance: float, max_order: int, steps: int) -> None:
    rules = (
        ("order", order, order is None or order >= 1, "at least 1, or None"),
        ("tolerance", tolerance, 0 < tolerance < 1, "between 0 and 1"),
        ("max_order", max_order, max_order >= 1, "at least 1"),
        ("steps", steps, steps >= 0, "at least 0"),
    )
    for name, value, is_good, accepted in rules:
        if not is_good:
            raise ConfigError(f'"{name}" is {value}; it must be {accepted}. Change it.')
