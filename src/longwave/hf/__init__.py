"""Hugging Face: Longwave's language models in transformers, and released checkpoints in Longwave.

Importing it makes ``AutoConfig`` and ``AutoModelForCausalLM`` know model type ``longwave``.
"""

from longwave.errors import MissingExtra

try:
    import transformers  # noqa: F401 - only to say which extra is missing
except ImportError as error:
    raise MissingExtra("longwave.hf", "hf") from error

from longwave.hf.cache import LongwaveCache
from longwave.hf.config import LongwaveConfig
from longwave.hf.h3 import convert_h3
from longwave.hf.hyena import convert_hyena
from longwave.hf.model import LongwaveForCausalLM
from longwave.hf.registration import register
from longwave.hf.released import read_state_dict

__all__ = [
    "LongwaveCache",
    "LongwaveConfig",
    "LongwaveForCausalLM",
    "convert_h3",
    "convert_hyena",
    "read_state_dict",
    "register",
]

register()
