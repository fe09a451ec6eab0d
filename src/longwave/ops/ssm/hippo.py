"""Where state spaces start: HiPPO matrices and the diagonal spectra derived from them."""

# Shapes: H copies, N stored modes (half of d_state)

from __future__ import annotations

import math

import torch
from torch import Tensor

from longwave.errors import ConfigError, UnknownName

__all__ = ["INITIAL_MODES", "hippo_legs", "initial_modes", "legs_modes"]

INITIAL_MODES = ("inv", "inv2", "legs", "lin", "quad", "random", "real")


def hippo_legs(d_state: int) -> tuple[Tensor, Tensor]:
    """Return the HiPPO-LegS system, which remembers by Legendre polynomials of the whole past.

    Returns
    -------
    A : Tensor, shape (d_state, d_state)
        float64; ``-sqrt((2n+1)(2k+1))`` below the diagonal, ``-(n+1)`` on it, 0 above.
    B : Tensor, shape (d_state,)
        ``sqrt(2n+1)``.

    References
    ----------
    Equation 2 of arXiv 2111.00396.
    """
    roots = torch.sqrt(2 * torch.arange(d_state, dtype=torch.float64) + 1)
    lower = torch.tril(-torch.outer(roots, roots), diagonal=-1)
    return lower - torch.diag(torch.arange(1.0, d_state + 1, dtype=torch.float64)), roots


def legs_modes(d_state: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return HiPPO-LegS as a diagonal plus a rank of one, in the basis of its normal part.

    Parameters
    ----------
    d_state : int
        Size of the real state, even.

    Returns
    -------
    A, P, B : Tensor, shape (d_state / 2,)
        complex128, the modes with positive imaginary part: with both of each pair,
        ``V (diag(A) - P P*) V*`` is the LegS matrix and ``V B`` its input.

    Raises
    ------
    ConfigError
        If ``d_state`` is odd or below 2, or the spectrum fails its own check.

    Notes
    -----
    ``A_legs + p p^T`` with ``p_n = sqrt(n + 1/2)`` is ``-I/2`` plus a skew matrix, so ``-i`` times that part
    is Hermitian and ``eigh`` in float64 gives an orthonormal ``V``. The residue is checked. A phase of every
    eigenvector is free; it turns ``P``, ``B`` and the read-out together and changes no kernel.

    References
    ----------
    Theorem 1 and appendix C of arXiv 2111.00396; its normal part alone is S4D-LegS of arXiv 2206.11893.
    """
    device = torch.get_default_device()
    with torch.device("cpu"):  # the check reads numbers, which the meta device has not
        modes, low_rank, entry = _legs_modes(check_state(d_state))
    return modes.to(device), low_rank.to(device), entry.to(device)


def _legs_modes(n_modes: int) -> tuple[Tensor, Tensor, Tensor]:
    d_state = 2 * n_modes
    matrix, entry = hippo_legs(d_state)
    low_rank = torch.sqrt(torch.arange(d_state, dtype=torch.float64) + 0.5)
    normal = matrix + torch.outer(low_rank, low_rank)
    skew = normal + 0.5 * torch.eye(d_state, dtype=torch.float64)
    frequencies, vectors = torch.linalg.eigh(-1j * skew.to(torch.complex128))  # ascending
    frequencies, vectors = frequencies[n_modes:], vectors[:, n_modes:]
    modes = torch.complex(torch.full_like(frequencies, -0.5), frequencies)
    residue = (2 * ((vectors * modes) @ vectors.mH).real - normal).square().sum() / d_state
    if not residue < 1e-5:
        raise ConfigError(
            f"The spectrum of HiPPO-LegS of d_state={d_state} misses its matrix by {residue.item():.1e}, "
            f"beyond 1e-5. Choose a smaller d_state."
        )
    project = vectors.mH
    return modes, project @ low_rank.to(modes.dtype), project @ entry.to(modes.dtype)


def initial_modes(
    name: str, d_state: int, *, n_copies: int = 1, generator: torch.Generator | None = None
) -> Tensor:
    """Return the diagonal that a state space starts from.

    Parameters
    ----------
    name : {"lin", "inv", "inv2", "quad", "real", "legs", "random"}
        With n = 0, 1, ...: lin ``-1/2 + i pi n``; inv ``-1/2 + i N/pi (N/(2n+1) - 1)``; inv2 ``-1/2 + i N/pi
        (N/(n+1) - 1)``; quad ``-1/2 + i (1+2n)^2 / pi``; real ``-(n+1)``; legs: half of the spectrum of LegS'
        normal part; random ``-1/2 + i N(0, 1)``, other numbers in every copy. N is ``d_state``.
    d_state : int
        Size of the real state, even.
    n_copies : int
    generator : torch.Generator, optional
        Seeds "random"; torch's own unless given.

    Returns
    -------
    Tensor, shape (n_copies, d_state / 2)
        complex128.

    Raises
    ------
    UnknownName
        If there is no such start.
    ConfigError
        If ``d_state`` is odd or below 2.

    References
    ----------
    Section 4 of arXiv 2206.11893.

    Examples
    --------
    >>> initial_modes("real", 6)
    tensor([[-1.+0.j, -2.+0.j, -3.+0.j]], dtype=torch.complex128)
    """
    n_modes = check_state(d_state)
    n = torch.arange(n_modes, dtype=torch.float64)
    half = torch.full_like(n, -0.5)
    if name == "random":
        imaginary = torch.randn(n_copies, n_modes, generator=generator, dtype=torch.float64)
        return torch.complex(half.expand_as(imaginary), imaginary)
    if name == "legs":
        modes = legs_modes(d_state)[0]
    elif name == "real":
        modes = torch.complex(-(n + 1), torch.zeros_like(n))
    elif name in INITIAL_MODES:
        modes = torch.complex(half, _frequencies(name, n, d_state))
    else:
        raise UnknownName("initialisation of modes", name, INITIAL_MODES)
    return modes.repeat(n_copies, 1)


def check_state(d_state: int) -> int:
    """Return the stored modes of a state, one of each conjugate pair."""
    if d_state < 2 or d_state % 2:
        raise ConfigError(
            f"d_state is {d_state}; modes come in conjugate pairs, so give an even number of at least 2."
        )
    return d_state // 2


def _frequencies(name: str, n: Tensor, d_state: int) -> Tensor:
    if name == "lin":
        return math.pi * n
    if name == "quad":
        return (1 + 2 * n) ** 2 / math.pi
    below = 2 * n + 1 if name == "inv" else n + 1
    return d_state / math.pi * (d_state / below - 1)
