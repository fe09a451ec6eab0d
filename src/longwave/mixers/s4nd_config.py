"""The kernels of S4ND layers as a part of a model's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from longwave.mixers.s4nd import S4ND
from longwave.mixers.s4nd_settings import KernelName

__all__ = ["S4NDConfig"]


@dataclass(frozen=True, kw_only=True)
class S4NDConfig:
    """The kernels of S4ND layers, as the configuration of a model states them.

    Parameters
    ----------
    kernel, d_state, n_ssm, dt, rule, rank, bandlimit, bidirectional, ssm_lr
        As in ``S4ND``.
    """

    kernel: KernelName | tuple[KernelName, ...] = "s4d-lin"
    d_state: int = 64
    n_ssm: int = 1
    dt: tuple[float, float] | tuple[tuple[float, float], ...] = (0.1, 1.0)
    rule: Literal["zoh", "bilinear"] = "zoh"
    rank: int = 1
    bandlimit: float | tuple[float | None, ...] | None = None
    bidirectional: bool | tuple[bool, ...] = True
    ssm_lr: float | None = 1e-3

    def build(
        self,
        d_model: int,
        dim: int,
        *,
        channels: int = 1,
        out_channels: int | None = None,
        l_max: int | tuple[int, ...] | None = None,
        out: Literal["glu", "linear"] | None = None,
        dropout: float = 0.0,
    ) -> S4ND:
        """Build a layer of these kernels; arguments as in ``S4ND``."""
        layer = S4ND(
            d_model,
            dim,
            kernel=self.kernel,
            d_state=self.d_state,
            n_ssm=self.n_ssm,
            dt=self.dt,
            rule=self.rule,
            rank=self.rank,
            bandlimit=self.bandlimit,
            bidirectional=self.bidirectional,
            channels=channels,
            out_channels=out_channels,
            l_max=l_max,
            out=out,
            dropout=dropout,
        )
        layer.ssm_lr = self.ssm_lr
        return layer
