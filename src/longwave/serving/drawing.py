"""From logits to what is sent: tokens drawn for rows with settings of their own, and log-probabilities."""

# Shapes: B rows, P steps of a chunk, V vocabulary, K listed ids

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from longwave.errors import DataError
from longwave.generation import SamplingConfig, filter_logits, make_generator
from longwave.serving.requests import NewToken, TokenRequest

__all__ = ["Drawer", "draw", "top_ids"]

Top = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Drawer:
    """How one text's tokens are drawn.

    Parameters
    ----------
    sampling : SamplingConfig
        Texts of equal settings are filtered together, so the seed is no part of them.
    generator : torch.Generator or None
        The text's own source of randomness; None where the most likely token is taken.
    n_top : int
    """

    sampling: SamplingConfig
    generator: torch.Generator | None
    n_top: int

    @classmethod
    def of(cls, request: TokenRequest, device: torch.device) -> Drawer:
        """Return the drawer of a request at its start."""
        generator = None if request.sampling.is_greedy else make_generator(request.seed, device)
        return cls(replace(request.sampling, seed=0), generator, request.n_top)


def draw(logits: Tensor, drawers: Sequence[Drawer]) -> list[NewToken | DataError]:
    """Draw a token for every row, the same as if the row were alone.

    Parameters
    ----------
    logits : Tensor, shape (B, V)
    drawers : sequence of Drawer
        One for each row.

    Returns
    -------
    list of NewToken or DataError
        An error for a row whose logits are no numbers; the others do not suffer.
    """
    is_good = logits.amax(dim=-1).isfinite().tolist()  # NaN wins every maximum
    ids = logits.argmax(dim=-1)  # (B,)
    for sampling, rows in _by_sampling(drawers, is_good).items():
        probabilities = filter_logits(logits[rows], sampling).softmax(dim=-1)  # (rows, V)
        for row, own in zip(rows, probabilities, strict=True):
            ids[row] = torch.multinomial(own, 1, generator=drawers[row].generator)[0]
    log_probs = logits.float().log_softmax(dim=-1)
    chosen = log_probs.gather(1, ids[:, None])[:, 0]
    tops = top_ids(log_probs, max(drawer.n_top for drawer in drawers))
    rows_of = zip(is_good, ids.tolist(), chosen.tolist(), tops, drawers, strict=True)
    return [
        NewToken(token, log_prob, top[: drawer.n_top]) if good else _diverged()
        for good, token, log_prob, top, drawer in rows_of
    ]


def top_ids(log_probs: Tensor, n_top: int) -> list[Top]:
    """Return the most probable ids of each row (B, V) with their log-probabilities, best first."""
    if n_top == 0:
        return [()] * len(log_probs)
    values, ids = log_probs.topk(min(n_top, log_probs.shape[1]), dim=-1)  # (B, K)
    pairs = zip(ids.tolist(), values.tolist(), strict=True)
    return [tuple(zip(row_ids, row_values, strict=True)) for row_ids, row_values in pairs]


def _by_sampling(drawers: Sequence[Drawer], is_good: Sequence[bool]) -> dict[SamplingConfig, list[int]]:
    """Return the rows that draw at random, by their settings."""
    rows: dict[SamplingConfig, list[int]] = defaultdict(list)
    for row, (drawer, good) in enumerate(zip(drawers, is_good, strict=True)):
        if good and not drawer.sampling.is_greedy:
            rows[drawer.sampling].append(row)
    return rows


def _diverged() -> DataError:
    return DataError(
        "The model's logits contain NaN or infinity; they must be numbers. The model has probably "
        "diverged in training: load an earlier checkpoint, or serve it in float32."
    )
