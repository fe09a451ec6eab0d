"""Generate token ids or text from any model that decodes step by step."""

from longwave.generation.decode import Decoder, generate_ids, stream_ids, stream_scored_ids
from longwave.generation.sampling import (
    SamplingConfig,
    filter_logits,
    keep_top_k,
    keep_top_p,
    make_generator,
    sample_ids,
)
from longwave.generation.text import TextCodec, generate_text, stream_text

__all__ = [
    "Decoder",
    "SamplingConfig",
    "TextCodec",
    "filter_logits",
    "generate_ids",
    "generate_text",
    "keep_top_k",
    "keep_top_p",
    "make_generator",
    "sample_ids",
    "stream_ids",
    "stream_scored_ids",
    "stream_text",
]
