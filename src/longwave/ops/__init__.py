"""Functions on tensors: the operators every mixer is made of."""

from longwave.ops.long_conv import long_conv, next_fast_length
from longwave.ops.short_conv import short_conv

__all__ = ["long_conv", "next_fast_length", "short_conv"]
