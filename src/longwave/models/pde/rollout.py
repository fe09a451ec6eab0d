"""Predict step after step: in space with any model, and on coefficients with one transform in and one out."""

# Shapes: B batch, K frames of context, S steps, c channels of a frame

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.models.pde.coefficient_model import CoefficientModel

__all__ = ["coefficient_rollout", "rollout"]

Step = Callable[[Tensor], Tensor]


def rollout(step: Step, frames: Tensor, n_steps: int, *, order: int = 1) -> Tensor:
    """Apply a model to its own output.

    Parameters
    ----------
    step : callable
        Any model of fields, from (B, K c, *grid) to (B, c, *grid). It reads the last K frames as channels,
        the oldest first.
    frames : Tensor, shape (B, K, c, *grid)
        The known frames, the oldest first; coefficients are welcome as well as fields.
    n_steps : int
    order : {0, 1, 2}
        What the model predicts: 0 the next frame, 1 the change, 2 the change of the change.

    Returns
    -------
    Tensor, shape (B, S, c, *grid)
        The frames after the known ones.

    Raises
    ------
    ConfigError
        If the order is another one, needs more frames than there are, or there is no step to take.
    ShapeError
        If frames have no channels, or the model changes their shape.

    Notes
    -----
    ``x+ = f``, ``x+ = x + f`` and ``x+ = 2 x - x_before + f``.

    Examples
    --------
    >>> rollout(lambda x: torch.ones_like(x), torch.zeros(1, 1, 1, 2), 3)[0, :, 0]
    tensor([[1., 1.],
            [2., 2.],
            [3., 3.]])
    """
    _check(frames, n_steps, order)
    known = list(frames.unbind(1))
    for _ in range(n_steps):
        f = step(torch.cat(known[-frames.shape[1] :], 1))
        if f.shape != known[-1].shape:
            raise ShapeError(
                f"The model gave shape {tuple(f.shape)} for frames of {tuple(known[-1].shape)}; a rollout "
                "feeds its output back. Build it with in_channels = frames of context x channels of a frame."
            )
        known.append(_extrapolated(known, order) + f)
    return torch.stack(known[frames.shape[1] :], 1)


def coefficient_rollout(model: CoefficientModel, frames: Tensor, n_steps: int, *, order: int = 1) -> Tensor:
    """Compute what ``rollout(model, ...)`` does with one transform of the frames and one of the result.

    Parameters
    ----------
    model : T1 or T1Plus
    frames : Tensor, shape (B, K, c, *grid)
    n_steps : int
    order : {0, 1, 2}

    Returns
    -------
    Tensor, shape (B, S, c, *grid)

    Raises
    ------
    ConfigError, ShapeError
        As ``rollout``.

    Notes
    -----
    The three rules are linear, so they commute with the transform. Modes that the model does not keep get no
    ``f``: they stay (order 1) or go on as they did (order 2), which is followed in space, with no transform.
    """
    _check(frames, n_steps, order)
    context = frames.shape[1:3]
    z = model.encode(frames.flatten(1, 2))
    z = z.reshape(-1, *context, *z.shape[2:])  # (B, K, c, *modes)
    moved = rollout(model.network, z, n_steps, order=order)  # (B, S, c, *modes)
    if order > 0:
        moved = moved - _unforced(z, n_steps, order)
    y = model.decode(moved.flatten(1, 2), frames.shape[3:])
    y = y.reshape(*moved.shape[:3], *y.shape[2:])
    return y + _unforced(frames, n_steps, order) if order > 0 else y


def _extrapolated(known: list[Tensor], order: int) -> Tensor | float:
    """Return what follows if the model predicts zero."""
    if order == 0:
        return 0.0
    return known[-1] if order == 1 else 2 * known[-1] - known[-2]


def _unforced(frames: Tensor, n_steps: int, order: int) -> Tensor:
    """Return the frames that follow if the model predicts zero every time, shape (B, S, c, ...)."""
    last = frames[:, -1:].expand(-1, n_steps, *frames.shape[2:])
    if order == 1:
        return last
    steps = torch.arange(1, n_steps + 1, dtype=frames.dtype, device=frames.device)
    return last + steps.reshape(-1, *(1,) * (frames.dim() - 2)) * (frames[:, -1:] - frames[:, -2:-1])


def _check(frames: Tensor, n_steps: int, order: int) -> None:
    if order not in (0, 1, 2) or n_steps < 1:
        raise ConfigError(
            f"A rollout of {n_steps} steps of order {order} cannot be made; it has at least one step, and "
            "the order is 0 (next frame), 1 (its change) or 2 (the change of the change)."
        )
    if frames.dim() < 4:
        raise ShapeError(
            f"The frames of a rollout have shape {tuple(frames.shape)}; give (batch, frames, channels, "
            "*grid), with one frame if the model reads one."
        )
    if frames.shape[1] < max(order, 1):
        raise ConfigError(
            f"A rollout of order {order} needs {max(order, 1)} frames of context, and there are "
            f"{frames.shape[1]}. Give more frames or a lower order."
        )
