"""Tell transformers' automatic classes about Longwave."""

from __future__ import annotations

from transformers import AutoConfig, AutoModelForCausalLM

from longwave.hf.config import LongwaveConfig
from longwave.hf.model import LongwaveForCausalLM

__all__ = ["register"]


def register() -> None:
    """Make ``AutoConfig`` and ``AutoModelForCausalLM`` know model type ``longwave``; again does no harm.

    ``import longwave.hf`` has called it already.
    """
    AutoConfig.register(LongwaveConfig.model_type, LongwaveConfig, exist_ok=True)
    AutoModelForCausalLM.register(LongwaveConfig, LongwaveForCausalLM, exist_ok=True)
