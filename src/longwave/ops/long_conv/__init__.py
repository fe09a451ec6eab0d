"""Long convolution: a filter as long as the sequence, one per channel, with gates and skip fused.

One function, several backends. A backend is a function of the same six arguments in a module of its own. One
that cannot serve every call has a function in ``REFUSALS`` that says why. ``choose.py`` holds the rule of
``backend="auto"``.
"""

# Shapes: B batch, D width, L length, K taps, H filters (heads), each shared by D/H neighbouring channels

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from longwave.errors import BackendUnavailable, ShapeError, UnknownName
from longwave.ops.long_conv.choose import choose_backend
from longwave.ops.long_conv.chunked import chunked_conv
from longwave.ops.long_conv.direct import direct_conv
from longwave.ops.long_conv.fft import fft_conv, next_fast_length
from longwave.ops.long_conv.naive import naive_conv
from longwave.ops.long_conv.prepared import PreparedFilter, prepare_filter
from longwave.ops.long_conv.small import fft_or_small_conv
from longwave.ops.long_conv.triton import refuse as refuse_triton
from longwave.ops.long_conv.triton import triton_conv

__all__ = ["BACKENDS", "PreparedFilter", "long_conv", "next_fast_length", "prepare_filter"]

Backend = Callable[[Tensor, Tensor, Tensor | None, Tensor | None, Tensor | None, bool], Tensor]

BACKENDS: dict[str, Backend] = {
    "chunked": chunked_conv,
    "direct": direct_conv,
    "fft": fft_or_small_conv,
    "naive": naive_conv,
    "triton": triton_conv,
}
KEEP_SPECTRA = {"chunked": chunked_conv, "fft": fft_conv}  # of a prepared filter
REFUSALS: dict[str, Callable[[Tensor, Tensor, bool], str | None]] = {"triton": refuse_triton}


def long_conv(
    u: Tensor,
    k: Tensor | PreparedFilter,
    skip: Tensor | None = None,
    *,
    gate_in: Tensor | None = None,
    gate_out: Tensor | None = None,
    bidirectional: bool = False,
    backend: str = "auto",
) -> Tensor:
    """Convolve every channel of a signal with its own long filter, between two optional gates.

    Parameters
    ----------
    u : Tensor, shape (B, D, L)
        Input, any real floating type.
    k : Tensor, shape (D, K) or (heads, K), K <= L, or PreparedFilter
        Filters; ``k[:, 0]`` multiplies the present step. With fewer filters than channels, ``D / heads``
        neighbouring channels share one. Bidirectional: shape (2, D, K) or (2, heads, K), where ``k[0]``
        looks back in time and ``k[1]`` looks ahead; both have a tap for the present step.
    skip : Tensor, shape (D,), optional
        Weight of the gated input itself, added to the convolution.
    gate_in, gate_out : Tensor, shape (B, D, L), optional
        Factors before and after the convolution.
    bidirectional : bool
        Look ahead as well as back.
    backend : {"auto", "chunked", "direct", "fft", "naive", "triton"}
        ``"auto"`` takes the fastest that serves the call. ``"triton"``: GPU kernels, half precision inside.
        ``"fft"``: one transform. ``"chunked"``: short transforms in bounded scratch memory. ``"direct"``:
        no transform, strictly causal. ``"naive"``: the sum as written below, the oracle of the others.

    Returns
    -------
    Tensor, shape (B, D, L)
        In the type of ``u``.

    Raises
    ------
    ShapeError
        If shapes or devices do not fit together or the filter is longer than the signal.
    UnknownName
        If there is no such backend.
    BackendUnavailable
        If the backend was named and cannot serve this device, data type or length; the message says why.

    Notes
    -----
    ``v = gate_in * u`` and ``y[t] = gate_out[t] * (sum_{j<=min(t, K-1)} k[j] v[t-j] + skip v[t])``.
    O(B D L log L) time, O(B D L) memory. Gradients flow to all five tensors, twice if asked. The same input
    gives the same bits. Half types are computed in float32, float64 stays float64, also under autocast.

    The exception is a GPU, where ``"auto"`` sends half types to the Triton kernels: float16 products, float32
    sums, a relative error below 1e-3 beside the rounding of the output.

    A transform spreads rounding over all positions in proportion to the largest value of a sequence:
    causality is exact up to that, and exact without reservation with ``"direct"`` and ``"naive"``.

    References
    ----------
    Section 3 of arXiv 2302.10866; gates and skip fused as in arXiv 2212.14052, section 4.

    Examples
    --------
    >>> import torch
    >>> u = torch.tensor([[[1.0, 0.0, 2.0]]])
    >>> long_conv(u, torch.tensor([[3.0, 1.0]]), backend="naive")
    tensor([[[3., 1., 6.]]])
    """
    prepared = None
    if isinstance(k, PreparedFilter):
        prepared = k
        prepared.check_alone(skip, bidirectional)
        k, skip, bidirectional = prepared.taps, prepared.skip, prepared.bidirectional
    _check(u, k, skip, gate_in, gate_out, bidirectional)
    name = _choose(backend, u, k, skip, gate_in, gate_out, bidirectional)
    if prepared is not None and name in KEEP_SPECTRA:
        return KEEP_SPECTRA[name](u, k, skip, gate_in, gate_out, bidirectional, prepared)
    return BACKENDS[name](u, k, skip, gate_in, gate_out, bidirectional)


def _choose(
    backend: str,
    u: Tensor,
    k: Tensor,
    skip: Tensor | None,
    gate_in: Tensor | None,
    gate_out: Tensor | None,
    bidirectional: bool,
) -> str:
    """Return the backend that serves a call, or say why the named one cannot."""
    if backend != "auto" and backend not in BACKENDS:
        raise UnknownName("long_conv backend", backend, ["auto", *BACKENDS])
    if u.numel() == 0 or k.shape[-1] == 0:  # no transform has length zero
        return "naive"
    if backend == "auto":
        return choose_backend(u, k, skip, gate_in, gate_out, bidirectional)
    if backend in REFUSALS and (reason := REFUSALS[backend](u, k, bidirectional)):
        raise BackendUnavailable(
            f'The backend "{backend}" of long_conv cannot serve this call: {reason} Use backend="auto".'
        )
    return backend


def _check(
    u: Tensor,
    k: Tensor,
    skip: Tensor | None,
    gate_in: Tensor | None,
    gate_out: Tensor | None,
    bidirectional: bool,
) -> None:
    wanted = 3 if bidirectional else 2
    if u.dim() != 3 or k.dim() != wanted or (bidirectional and k.shape[0] != 2):
        raise ShapeError(_axes_problem(u, k, bidirectional))
    width, length = u.shape[1:]
    heads, taps = k.shape[-2:]
    if heads == 0 or width % heads:
        raise ShapeError(
            f"The filter has width {heads} but the input has width {width} {_shapes(u, k)}. "
            f"Give one filter per channel, or a number of filters that divides the width."
        )
    if taps > length:
        raise ShapeError(
            f"The filter has {taps} taps but the input has {length} steps {_shapes(u, k)}. "
            f"Cut the filter to k[..., :{length}]."
        )
    if skip is not None and tuple(skip.shape) != (width,):
        raise ShapeError(
            f"skip has shape {tuple(skip.shape)}, not ({width},): one weight per channel {_shapes(u, k)}."
        )
    for name, gate in (("gate_in", gate_in), ("gate_out", gate_out)):
        if gate is not None and gate.shape != u.shape:
            raise ShapeError(
                f"{name} has shape {tuple(gate.shape)}; a gate has the shape of the input {_shapes(u, k)}."
            )
    for name, tensor in (("k", k), ("skip", skip), ("gate_in", gate_in), ("gate_out", gate_out)):
        if tensor is not None and tensor.device != u.device:
            raise ShapeError(
                f"{name} is on {tensor.device} and u is on {u.device} {_shapes(u, k)}. "
                f"Move them to one device."
            )
    if not u.is_floating_point() or not k.is_floating_point():
        raise ShapeError(
            f"long_conv needs real floating-point tensors, not {u.dtype} and {k.dtype} {_shapes(u, k)}."
        )


def _axes_problem(u: Tensor, k: Tensor, bidirectional: bool) -> str:
    if u.dim() != 3:
        return f"The input of long_conv is (B, D, L), not {u.dim()}-dimensional {_shapes(u, k)}."
    form = "(2, D, K) for bidirectional=True" if bidirectional else "(D, K)"
    return f"The filter of long_conv is {form}, which this one is not {_shapes(u, k)}."


def _shapes(u: Tensor, k: Tensor) -> str:
    return f"(u: {tuple(u.shape)}, k: {tuple(k.shape)})"
