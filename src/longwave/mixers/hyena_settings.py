"""What a Hyena can be built from: the kinds of its filters, and the ranges of its settings."""

from __future__ import annotations

from longwave.errors import ConfigError
from longwave.mixers.explicit_filters import DecayingConfig, ExplicitConfig
from longwave.mixers.filters import FilterConfig
from longwave.mixers.modal import ModalConfig
from longwave.mixers.study_filters import FourierConfig, S4FilterConfig, TransferConfig

__all__ = ["HyenaFilter", "check_settings"]

HyenaFilter = (
    FilterConfig
    | ModalConfig
    | ExplicitConfig
    | DecayingConfig
    | FourierConfig
    | TransferConfig
    | S4FilterConfig
)


def check_settings(
    d_model: int,
    max_length: int | None,
    order: int,
    n_heads: int,
    outer_head_dim: int,
    short_kernel_size: int,
    dropout: float,
) -> None:
    """Raise ConfigError unless these describe a Hyena; arguments as there."""
    if max_length is None:
        raise ConfigError(
            "Hyena needs max_length, the length of its filters; give the longest sequence you will use."
        )
    if order < 2:
        raise ConfigError(f"order is {order}; Hyena has at least 2 gates (order 2 is one long convolution).")
    if n_heads < 1 or d_model % n_heads:
        raise ConfigError(f"n_heads is {n_heads}, which does not divide d_model={d_model}. Choose a divisor.")
    if outer_head_dim < 1 or d_model % outer_head_dim:
        raise ConfigError(
            f"outer_head_dim is {outer_head_dim}, which does not divide d_model={d_model}. Choose a divisor."
        )
    if outer_head_dim > 1 and (order > 2 or n_heads > 1):
        raise ConfigError(
            f"outer_head_dim={outer_head_dim} goes with order=2 and n_heads=1, not with {order} and "
            f"{n_heads}: its heads own one filter each. Leave those out, or set outer_head_dim=1."
        )
    if short_kernel_size < 1:
        raise ConfigError(f"short_kernel_size is {short_kernel_size}; it must be at least 1 (1 only scales).")
    if not 0 <= dropout < 1:
        raise ConfigError(f"dropout is {dropout}; it must be from 0 to below 1.")
