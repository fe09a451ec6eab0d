"""Long convolution of documents of different lengths that lie one after the other, each by itself.

Documents are sorted into groups whose lengths differ by less than a factor of two; a group is padded to its
longest document and takes one call of ``long_conv``. So there are at most ``log2(longest) + 2`` calls, and
less than half of what they compute is padding.
"""

# Shapes: D width, T steps of all documents together, K taps, H filters, n documents of a group, P their
# padded length, M the steps they have

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from longwave.errors import ShapeError
from longwave.ops.long_conv import long_conv

__all__ = ["packed_long_conv"]


def packed_long_conv(
    u: Tensor,
    k: Tensor,
    cu_seqlens: Tensor,
    skip: Tensor | None = None,
    *,
    gate_in: Tensor | None = None,
    gate_out: Tensor | None = None,
    bidirectional: bool = False,
    backend: str = "auto",
) -> Tensor:
    """Convolve packed documents with the same long filters; none sees another.

    Parameters
    ----------
    u : Tensor, shape (1, D, T)
        The documents, one after the other along time.
    k : Tensor, shape (D, K) or (heads, K)
        Filters as in ``long_conv``, and (2, ...) when bidirectional. K may be anything: a document uses as
        many taps as it has steps.
    cu_seqlens : Tensor, shape (documents + 1,), int32 or int64
        Where documents start, and T at the end: 0, l_1, l_1 + l_2, ... Empty documents are allowed. On the
        device of ``u``, or on the CPU, which spares a GPU a synchronisation.
    skip : Tensor, shape (D,), optional
        Weight of the gated input itself.
    gate_in, gate_out : Tensor, shape (1, D, T), optional
        Factors before and after the convolution.
    bidirectional : bool
        Look ahead as well as back, within a document.
    backend : str
        Of ``long_conv``.

    Returns
    -------
    Tensor, shape (1, D, T)
        In the type of ``u``: what ``long_conv`` gives for each document.

    Raises
    ------
    ShapeError
        If shapes do not fit together, or ``cu_seqlens`` does not rise from 0 to T.
    UnknownName, BackendUnavailable
        As in ``long_conv``.

    Notes
    -----
    Documents are copied into padded groups and back, so a NaN or an outlier in one document never reaches
    another one's values or input gradients, to the last bit; the filter's gradient is the sum over documents.
    Differentiable as often as ``long_conv``. O(D T log T) time, about ``2 T`` steps of memory per tensor.

    Examples
    --------
    >>> u = torch.tensor([[[1.0, 1.0, 1.0, 1.0, 1.0]]])
    >>> packed_long_conv(u, torch.ones(1, 9), torch.tensor([0, 3, 5]), backend="naive")
    tensor([[[1., 2., 3., 1., 2.]]])
    """
    starts = _check(u, k, cu_seqlens, gate_in, gate_out)
    groups = _group(starts, u.device)
    pieces = []
    for group in groups:
        y = long_conv(
            _pad(u, group),
            k[..., : group.padded],
            skip,
            gate_in=None if gate_in is None else _pad(gate_in, group),
            gate_out=None if gate_out is None else _pad(gate_out, group),
            bidirectional=bidirectional,
            backend=backend,
        )
        pieces.append(_unpad(y, group))
    order = torch.cat([group.source for group in groups])  # where each column of the pieces belongs
    return torch.cat(pieces, dim=1).index_select(1, order.argsort())[None]


class _Group(NamedTuple):
    """Documents of similar length, and where their steps go in a padded batch."""

    documents: int
    padded: int
    source: Tensor  # (M,), positions in the packed signal
    target: Tensor  # (M,), positions in the padded batch, as if its n documents lay one after the other


def _group(starts: list[int], device: torch.device) -> list[_Group]:
    """Group documents of 2^{i-1} + 1 to 2^i steps; empty ones belong nowhere."""
    buckets: dict[int, list[tuple[int, int]]] = {}
    for start, end in pairwise(starts):
        if end > start:
            buckets.setdefault((end - start - 1).bit_length(), []).append((start, end - start))
    groups = []
    for _, documents in sorted(buckets.items()) or [(0, [(0, 0)])]:  # nothing at all is one empty document
        begins, lengths = torch.tensor(documents).T  # (n,) each
        padded = int(lengths.max())
        row = torch.arange(len(documents)).repeat_interleave(lengths)  # (M,), document of each step
        step = torch.arange(int(lengths.sum())) - (lengths.cumsum(0) - lengths)[row]
        source, target = begins[row] + step, row * padded + step
        groups.append(_Group(len(documents), padded, source.to(device), target.to(device)))
    return groups


def _pad(packed: Tensor, group: _Group) -> Tensor:
    """Copy a group's documents out of (1, D, T) into zeros, (n, D, P)."""
    width = packed.shape[1]
    steps = packed[0].index_select(1, group.source)  # (D, M)
    padded = steps.new_zeros(width, group.documents * group.padded).index_copy(1, group.target, steps)
    return padded.view(width, group.documents, group.padded).transpose(0, 1)


def _unpad(padded: Tensor, group: _Group) -> Tensor:
    """Copy a group's documents out of (n, D, P), one after the other, (D, M)."""
    return padded.transpose(0, 1).flatten(1).index_select(1, group.target)


def _check(
    u: Tensor, k: Tensor, cu_seqlens: Tensor, gate_in: Tensor | None, gate_out: Tensor | None
) -> list[int]:
    """Check what ``long_conv`` cannot see; return ``cu_seqlens`` as numbers."""
    if u.dim() != 3 or u.shape[0] != 1:
        raise ShapeError(
            f"The input of packed_long_conv is (1, D, T), not {tuple(u.shape)}. "
            f"Put all documents one after the other along time."
        )
    if k.dim() < 2:
        raise ShapeError(f"The filter of packed_long_conv is (D, K), not {tuple(k.shape)}; add the width.")
    for name, gate in (("gate_in", gate_in), ("gate_out", gate_out)):
        if gate is not None and gate.shape != u.shape:
            raise ShapeError(
                f"{name} has shape {tuple(gate.shape)}; a gate has the shape of the input {tuple(u.shape)}."
            )
    if cu_seqlens.dim() != 1 or cu_seqlens.dtype not in (torch.int32, torch.int64) or len(cu_seqlens) == 0:
        raise ShapeError(
            f"cu_seqlens is {cu_seqlens.dtype} of shape {tuple(cu_seqlens.shape)}; give int32 or int64 of "
            f"shape (documents + 1,), such as [0, 5, 8] for documents of 5 and 3 steps."
        )
    if cu_seqlens.device not in (u.device, torch.device("cpu")):
        raise ShapeError(
            f"cu_seqlens is on {cu_seqlens.device} but the input on {u.device}. "
            f"Move it there, or to the CPU, with cu_seqlens.to(u.device)."
        )
    starts: list[int] = cu_seqlens.tolist()
    if starts[0] != 0 or starts[-1] != u.shape[-1]:
        raise ShapeError(
            f"cu_seqlens goes from {starts[0]} to {starts[-1]} but the input from 0 to {u.shape[-1]} "
            f"{tuple(u.shape)}. Begin with 0 and end with the number of steps."
        )
    for document, (start, end) in enumerate(pairwise(starts)):
        if end < start:
            raise ShapeError(
                f"cu_seqlens falls from {start} to {end} at document {document}; it may never fall. "
                f"Give the running sum of the documents' lengths."
            )
    return starts
