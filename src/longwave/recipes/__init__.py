"""Published and bundled settings as functions that return a full configuration; one file a system."""

from longwave.recipes.books import books_models, quickstart_twins
from longwave.recipes.h3 import h3_openwebtext, h3_pile, h3_wikitext103
from longwave.recipes.hyena import hyena_pile
from longwave.recipes.loading import load_recipe
from longwave.recipes.long_conv import h3_conv_pile
from longwave.recipes.s4d import s4d_openwebtext
from longwave.recipes.settings import apply_settings, fit_to_task
from longwave.recipes.synthetic import (
    addition,
    induction,
    lra,
    recall_131k,
    recall_h3,
    recall_paper,
    recall_small,
)

__all__ = [
    "addition",
    "apply_settings",
    "books_models",
    "fit_to_task",
    "h3_conv_pile",
    "h3_openwebtext",
    "h3_pile",
    "h3_wikitext103",
    "hyena_pile",
    "induction",
    "load_recipe",
    "lra",
    "quickstart_twins",
    "recall_131k",
    "recall_h3",
    "recall_paper",
    "recall_small",
    "s4d_openwebtext",
]
