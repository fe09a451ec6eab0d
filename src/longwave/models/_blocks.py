"""The parts of a language model's layer."""

# Shapes: B batch, L length, P chunk length, D width

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError
from longwave.generation import StepPart
from longwave.mixers import Mixer, State, build_mixer
from longwave.models._initialise import initialise_linear, initialise_mixer, residual_std
from longwave.models.config import LanguageModelConfig
from longwave.ops.add_norm import add_norm

__all__ = ["MLP", "Block", "Norm", "check_mode"]

Tensors = tuple[Tensor, ...]

NORM_EPS = 1e-5
DECODE_MODES = ("auto", "recurrent", "lazy", "epoched", "relaxed")


class Norm(nn.LayerNorm):
    """LayerNorm of the float32 residual; its output has the type of its weights."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model, eps=NORM_EPS)

    def forward(self, r: Tensor) -> Tensor:
        """Normalise (..., D) in the residual's own precision."""
        return self.add(r, None)[1]

    def add(self, r: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return ``r + y`` and its norm, in one pass where nothing is differentiated."""
        return add_norm(r, y, self.weight, self.bias, self.eps)

    def add_pair(self, given: Tensors) -> Tensors:
        """``add`` for the stream alone or for it and what is added, as a part of a decoding step."""
        return self.add(given[0], given[1] if len(given) > 1 else None)


class MLP(nn.Module):
    """Two linear layers with GELU (tanh form) between them."""

    def __init__(self, d_model: int, d_mlp: int) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_mlp)
        self.down = nn.Linear(d_mlp, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., D) to (..., D)."""
        y: Tensor = self.down(F.gelu(self.up(x), approximate="tanh"))
        return y


class Block(nn.Module):
    """One layer: ``r + mixer(norm(r))``, then ``r + mlp(norm(r))``."""

    def __init__(self, config: LanguageModelConfig, layer: int) -> None:
        super().__init__()
        name, options = config.mixer_of(layer)
        self.mixer_norm = Norm(config.d_model)
        self.mixer: Mixer[State] = build_mixer(
            name, d_model=config.d_model, max_length=config.max_length, options=options
        )
        if not self.mixer.is_causal:
            raise ConfigError(
                f'The mixer "{name}" of layer {layer} looks ahead (options: {dict(options)}); a language '
                "model needs causal mixers. Remove the option that makes it look ahead."
            )
        self.mlp_norm = Norm(config.d_model)
        self.mlp = MLP(config.d_model, config.mlp_width)
        self.dropout = nn.Dropout(config.dropout)
        output_std = residual_std(config.n_layers)
        initialise_mixer(self.mixer, output_std)
        initialise_linear(self.mlp.up)
        initialise_linear(self.mlp.down, output_std)

    def forward(self, r: Tensor) -> Tensor:
        """Map the residual stream (B, L, D) to itself."""
        return self._add_mlp(r + self.dropout(self.mixer(self.mixer_norm(r))))

    def init_state(self, batch: int, max_length: int, mode: str) -> State:
        """Return an empty state of the mixer, in a mode that ``check_mode`` has passed."""
        options = (
            {"mode": mode} if len(self.mixer.decode_modes) > 1 and mode in self.mixer.decode_modes else {}
        )
        return self.mixer.init_state(batch, max_length, **options)

    def prefill(self, r: Tensor, state: State) -> tuple[Tensor, State]:
        """Map a chunk (B, P, D) of the residual stream."""
        y, state = self.mixer.prefill(self.mixer_norm(r), state)
        r, normed = self.mlp_norm.add(r, self.dropout(y))
        return r + self.dropout(self.mlp(normed)), state

    def step_parts(self, state: State) -> list[StepPart]:
        """Return what takes one step (B, D) of the residual stream through the layer.

        The first part takes the stream and what is still to be added to it, if anything; the last returns
        such a pair. All but some mixers can be captured.
        """

        def mix(given: Tensors) -> Tensors:
            return given[0], self.mixer.step(given[1], state)[0]

        def feed(given: Tensors) -> Tensors:
            r, normed = self.mlp_norm.add(given[0], self.dropout(given[1]))
            return r, self.dropout(self.mlp(normed))

        return [
            StepPart(self.mixer_norm.add_pair, self.mixer_norm),
            StepPart(mix, self.mixer, held=lambda: self.mixer.step_tensors(state), state=state),
            StepPart(feed, self),
        ]

    def flops(self, seq_len: int) -> float:
        """Count the forward FLOPs per token of mixer and MLP."""
        return self.mixer.flops(seq_len) + 2 * 2 * self.mlp.up.in_features * self.mlp.up.out_features

    def _add_mlp(self, r: Tensor) -> Tensor:
        added: Tensor = self.dropout(self.mlp(self.mlp_norm(r)))
        return r + added


def check_mode(mode: str, mixers: Sequence[Mixer[State]]) -> None:
    """Raise ConfigError unless this is a decode mode that the mixers of a model have or may ignore."""
    if mode not in DECODE_MODES:
        raise ConfigError(f'There is no decode mode "{mode}". Choose one of {", ".join(DECODE_MODES)}.')
    if mode != "recurrent":
        return
    lacking = [n for n, mixer in enumerate(mixers) if mode not in mixer.decode_modes]
    if lacking:
        names = ", ".join(sorted({type(mixers[n]).__name__ for n in lacking}))
        raise ConfigError(
            f'mode="recurrent" needs a state of fixed size in every layer; layers {lacking} ({names}) have '
            f'none. Use mode="auto", or distill their filters first (longwave distill).'
        )
