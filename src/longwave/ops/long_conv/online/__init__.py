"""Streaming long convolution: the outputs of ``long_conv`` while the input is still being made.

``conv.py`` is the public object; ``stream.py`` its one loop; ``schedules.py`` the modes, as plans over
integers; ``tiles.py`` the FFT of one tile; ``buffers.py`` the memory; ``group.py`` the batching over layers;
``choose.py`` the measured rule of ``mode="auto"``.
"""

from longwave.ops.long_conv.online.conv import OnlineConv
from longwave.ops.long_conv.online.group import OnlineConvGroup

__all__ = ["OnlineConv", "OnlineConvGroup"]
