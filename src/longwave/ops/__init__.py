"""Functions on tensors: the operators every mixer is made of."""

from longwave.ops.conv_axes import conv_nd
from longwave.ops.long_conv import PreparedFilter, long_conv, next_fast_length, prepare_filter
from longwave.ops.long_conv.bandlimit import band_mask, bandlimit
from longwave.ops.long_conv.butterfly import ButterflyTransform, balanced_factors
from longwave.ops.long_conv.butterfly_conv import ButterflyConv, butterfly_conv, causal_leak
from longwave.ops.long_conv.online import OnlineConv, OnlineConvGroup
from longwave.ops.long_conv.packed import packed_long_conv
from longwave.ops.long_conv.regularize import smooth, squash
from longwave.ops.long_conv.state_passing import state_passing_conv
from longwave.ops.long_conv.tune import Tuning, tune_long_conv
from longwave.ops.short_conv import short_conv, split_short_conv
from longwave.ops.ssm import (
    discretize,
    dss_kernel,
    initial_modes,
    ssm_final_state,
    ssm_kernel,
    ssm_state_outputs,
    ssm_states,
    ssm_step,
)
from longwave.ops.transforms import dct, idct

__all__ = [
    "ButterflyConv",
    "ButterflyTransform",
    "OnlineConv",
    "OnlineConvGroup",
    "PreparedFilter",
    "Tuning",
    "balanced_factors",
    "band_mask",
    "bandlimit",
    "butterfly_conv",
    "causal_leak",
    "conv_nd",
    "dct",
    "discretize",
    "dss_kernel",
    "idct",
    "initial_modes",
    "long_conv",
    "next_fast_length",
    "packed_long_conv",
    "prepare_filter",
    "short_conv",
    "smooth",
    "split_short_conv",
    "squash",
    "ssm_final_state",
    "ssm_kernel",
    "ssm_state_outputs",
    "ssm_states",
    "ssm_step",
    "state_passing_conv",
    "tune_long_conv",
]
