"""The parts of a language model's layer."""

# Shapes: B batch, L length, P chunk length, D width

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError
from longwave.mixers import Mixer, State, build_mixer
from longwave.models._initialise import initialise_linear, initialise_mixer, residual_std
from longwave.models.config import LanguageModelConfig

__all__ = ["MLP", "Block", "Norm"]

NORM_EPS = 1e-5


class Norm(nn.LayerNorm):
    """LayerNorm of the float32 residual; its output has the type of its weights."""

    def __init__(self, d_model: int) -> None:
        super().__init__(d_model, eps=NORM_EPS)

    def forward(self, r: Tensor) -> Tensor:
        """Normalise (..., D) in the residual's own precision."""
        y = F.layer_norm(r, self.normalized_shape, self.weight.to(r.dtype), self.bias.to(r.dtype), self.eps)
        return y.to(self.weight.dtype)


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

    def prefill(self, r: Tensor, state: State) -> tuple[Tensor, State]:
        """Map a chunk (B, P, D) of the residual stream."""
        y, state = self.mixer.prefill(self.mixer_norm(r), state)
        return self._add_mlp(r + self.dropout(y)), state

    def step(self, r: Tensor, state: State) -> tuple[Tensor, State]:
        """Map one step (B, D) of the residual stream."""
        y, state = self.mixer.step(self.mixer_norm(r), state)
        return self._add_mlp(r + self.dropout(y)), state

    def flops(self, seq_len: int) -> float:
        """Count the forward FLOPs per token of mixer and MLP."""
        return self.mixer.flops(seq_len) + 2 * 2 * self.mlp.up.in_features * self.mlp.up.out_features

    def _add_mlp(self, r: Tensor) -> Tensor:
        added: Tensor = self.dropout(self.mlp(self.mlp_norm(r)))
        return r + added
