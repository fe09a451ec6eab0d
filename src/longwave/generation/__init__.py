"""Generate token ids or text from any model that decodes step by step, and make Hyena models recurrent."""

from longwave.generation.config import DecodingConfig
from longwave.generation.decode import (
    Decoder,
    Progress,
    generate_ids,
    pad_left,
    stream_ids,
    stream_scored_ids,
)
from longwave.generation.distillation import Distillable, DistillReport, FilterReport, distill, perplexity
from longwave.generation.graphs import StepGraphs, StepPart, run_parts
from longwave.generation.modal_fit import ModalFit, fit_modes, hankel_values, ho_kalman
from longwave.generation.sampling import (
    SamplingConfig,
    filter_logits,
    keep_top_k,
    keep_top_p,
    make_generator,
    sample_ids,
)
from longwave.generation.text import generate_text, stream_text
from longwave.generation.text_pieces import StopCutter, TextCodec, TextPieces

__all__ = [
    "Decoder",
    "DecodingConfig",
    "DistillReport",
    "Distillable",
    "FilterReport",
    "ModalFit",
    "Progress",
    "SamplingConfig",
    "StepGraphs",
    "StepPart",
    "StopCutter",
    "TextCodec",
    "TextPieces",
    "distill",
    "filter_logits",
    "fit_modes",
    "generate_ids",
    "generate_text",
    "hankel_values",
    "ho_kalman",
    "keep_top_k",
    "keep_top_p",
    "make_generator",
    "pad_left",
    "perplexity",
    "run_parts",
    "sample_ids",
    "stream_ids",
    "stream_scored_ids",
    "stream_text",
]
