"""The taps of filters, kept between calls that cannot have changed them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Self

import torch
from torch import Tensor, nn

__all__ = ["FilterCache", "KeepsFilters"]


class FilterCache:
    """One entry: taps of one length, valid while the tensors they were computed from are as they were.

    Notes
    -----
    A change is seen by a tensor's identity, place, type and version counter, which every in-place operation
    raises, an optimiser's step and ``load_state_dict`` included; only writing through ``.data`` escapes.
    Copies and pickles of a cache are empty.

    Examples
    --------
    >>> cache, weight = FilterCache(), torch.ones(2)
    >>> with torch.no_grad():
    ...     first = cache.get(3, [weight], lambda: weight.repeat(3))
    ...     first is cache.get(3, [weight], lambda: weight.repeat(3))
    True
    """

    def __init__(self) -> None:
        self._sources: list[Tensor] = []
        self._state: tuple[object, ...] = ()
        self._taps: Tensor | None = None

    def __reduce__(self) -> tuple[type[FilterCache], tuple[()]]:
        return FilterCache, ()

    def get(self, key: Hashable, sources: list[Tensor], compute: Callable[[], Tensor]) -> Tensor:
        """Return the taps kept for a key and the present state of their sources, or compute them.

        Parameters
        ----------
        key : hashable
            What ``compute`` depends on besides, such as the length.
        sources : list of Tensor
            All tensors that ``compute`` reads.
        compute : callable
            Called without arguments when nothing kept fits; nothing is kept where gradients are wanted, in a
            traced call, or of tensors made in inference mode, which count no versions.
        """
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or any(x.is_inference() for x in sources):
            return compute()
        state = _state(key, sources)
        is_same = len(sources) == len(self._sources) and all(map(_is, sources, self._sources))
        if self._taps is None or not is_same or state != self._state:
            self.clear()  # before computing: never two entries at once
            self._sources, self._state, self._taps = sources, state, compute()
        return self._taps

    def clear(self) -> None:
        """Forget the taps and free their memory."""
        self._sources, self._state, self._taps = [], (), None


class KeepsFilters(nn.Module):
    """A module that may keep filters from call to call in evaluation.

    Attributes
    ----------
    kept : FilterCache
        Emptied by ``train()``, and whenever parameters are moved or cast.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept = FilterCache()

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation; training forgets what evaluation kept."""
        if mode:
            self.kept.clear()
        return super().train(mode)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.kept.clear()  # moving or casting replaces values behind the parameters' backs
        moved: Self = super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return moved


def _state(key: Hashable, sources: list[Tensor]) -> tuple[object, ...]:
    of_tensors = [(x._version, x.data_ptr(), x.dtype, x.device) for x in sources]
    return key, torch.is_inference_mode_enabled(), *of_tensors


def _is(one: Tensor, other: Tensor) -> bool:
    return one is other
