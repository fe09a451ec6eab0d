"""Several streaming convolutions whose tiles fall due at the same step share one batched FFT."""

# Shapes: B batch, H filters, R = B D / H rows that share a filter, M inputs, F frequencies

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.ops.long_conv.online.conv import OnlineConv
from longwave.ops.long_conv.online.schedules import Tile
from longwave.ops.long_conv.online.stream import Stream
from longwave.ops.long_conv.online.tiles import contribution, filter_spectrum

__all__ = ["OnlineConvGroup"]

Kind = tuple[int, int, int, int, torch.dtype, torch.device]


class OnlineConvGroup:
    """Hold the convolutions of several layers and compute their tiles together.

    Nothing else changes: each convolution is stepped by itself, layer after layer. A tile that falls due
    waits until its convolution is used again, by when all layers have taken the same step; then the tiles of
    all members run as one FFT. Widths may differ.

    Parameters
    ----------
    convs : sequence of OnlineConv
        Of one ``max_length``, each in no other group.

    Raises
    ------
    ShapeError
        If lengths differ.
    ConfigError
        If there is no convolution, one appears twice, or one is in another group.

    Notes
    -----
    Tiles are batched where their sizes, data types and devices agree, and the number of rows a filter serves
    (batch times width over heads). The spectra of all members are kept once more, side by side; members then
    need none of their own.

    References
    ----------
    Section 3.2 of arXiv 2410.12982: across layers, only tiles of one step are sequential.

    Examples
    --------
    >>> convs = [OnlineConv(torch.ones(width, 256), 256, "relaxed") for width in (2, 3)]
    >>> group = OnlineConvGroup(convs)
    >>> for _ in range(64):
    ...     outputs = [conv.step(torch.ones(1, width)) for conv, width in zip(convs, (2, 3))]
    >>> group.flush()
    2
    """

    def __init__(self, convs: Sequence[OnlineConv]) -> None:
        self.convs = tuple(convs)
        different = len({id(conv) for conv in self.convs})
        if different == 0 or different < len(self.convs):
            raise ConfigError(
                f"OnlineConvGroup got {len(self.convs)} convolutions, {different} of them different. "
                f"Give at least one, and each once."
            )
        lengths = sorted({conv.max_length for conv in self.convs})
        if len(lengths) > 1:
            raise ShapeError(
                f"The convolutions of a group have max_length {lengths}, which differ. "
                f"Build them with max_length={lengths[-1]}."
            )
        for number, conv in enumerate(self.convs):
            if conv._flush_group is not None:
                raise ConfigError(
                    f"Convolution {number} is in another group already. Put all that belong together in one."
                )
        for conv in self.convs:
            conv._flush_group = self.flush
        self._spectra: dict[tuple[tuple[int, ...], int, torch.dtype, torch.device], Tensor] = {}

    def flush(self) -> int:
        """Run all tiles that are due and return how many; else they run before the next step.

        Worth a call where there is time to spare, for example right after a token was sent off.
        """
        waiting: dict[Kind, list[tuple[int, Stream, Tile]]] = defaultdict(list)
        count = 0
        for number, conv in enumerate(self.convs):
            stream = conv._stream
            if stream is None or not stream.is_due:
                continue
            tile = stream.due_tile()
            if tile is None:
                stream.move_base(None, None)
            else:
                waiting[_kind(stream, tile)].append((number, stream, tile))
                count += 1
        with torch.no_grad():
            for work in waiting.values():
                self._run(work)
        return count

    @property
    def nbytes(self) -> int:
        """Memory held by all members and the shared spectra."""
        return sum(conv.nbytes for conv in self.convs) + sum(s.nbytes for s in self._spectra.values())

    def _run(self, work: list[tuple[int, Stream, Tile]]) -> None:
        """Run tiles of one kind: side by side along the filters' axis."""
        _, _, tile = work[0]
        parts = [stream.buffers.inputs[..., tile.begin : tile.end] for _, stream, tile in work]
        spectrum = self._spectrum(tuple(number for number, _, _ in work), tile.n_fft)
        values = contribution(torch.cat(parts), spectrum, tile)  # (sum of H, R, outputs)
        for (_, stream, own), part in zip(
            work, torch.split(values, [len(own) for own in parts]), strict=True
        ):
            stream.move_base(own, part)

    def _spectrum(self, members: tuple[int, ...], n_fft: int) -> Tensor:
        filters = [self.convs[number]._filter for number in members]
        if len(filters) == 1:
            return filters[0].spectrum(n_fft)
        key = (members, n_fft, filters[0].taps.dtype, filters[0].taps.device)
        if key not in self._spectra:
            self._spectra[key] = torch.cat([filter_spectrum(own.taps, n_fft) for own in filters])
        return self._spectra[key]


def _kind(stream: Stream, tile: Tile) -> Kind:
    """Return what tiles must share to be computed together."""
    inputs = stream.buffers.inputs
    sizes = (tile.end - tile.begin, tile.first - tile.begin, tile.last - tile.begin)
    return (*sizes, inputs.shape[1], inputs.dtype, inputs.device)
