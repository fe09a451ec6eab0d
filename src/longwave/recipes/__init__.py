"""Published and bundled settings as functions that return a full configuration; one file a system."""

from longwave.recipes.books import books_models, quickstart_twins
from longwave.recipes.fno import (
    ffno_airfoil,
    ffno_navier_stokes,
    fno,
    fno_airfoil,
    fno_burgers,
    fno_darcy,
    fno_navier_stokes,
    fno_tiny,
    unet_airfoil,
    unet_navier_stokes,
)
from longwave.recipes.h3 import h3_openwebtext, h3_pile, h3_wikitext103
from longwave.recipes.hyena import hyena_pile
from longwave.recipes.loading import load_recipe
from longwave.recipes.long_conv import h3_conv_pile
from longwave.recipes.operators import operator_run
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
from longwave.recipes.t1 import (
    t1,
    t1_airfoil,
    t1_darcy,
    t1_navier_stokes,
    t1_plus_airfoil,
    t1_plus_navier_stokes,
    t1_tiny,
)

__all__ = [
    "addition",
    "apply_settings",
    "books_models",
    "ffno_airfoil",
    "ffno_navier_stokes",
    "fit_to_task",
    "fno",
    "fno_airfoil",
    "fno_burgers",
    "fno_darcy",
    "fno_navier_stokes",
    "fno_tiny",
    "h3_conv_pile",
    "h3_openwebtext",
    "h3_pile",
    "h3_wikitext103",
    "hyena_pile",
    "induction",
    "load_recipe",
    "lra",
    "operator_run",
    "quickstart_twins",
    "recall_131k",
    "recall_h3",
    "recall_paper",
    "recall_small",
    "s4d_openwebtext",
    "t1",
    "t1_airfoil",
    "t1_darcy",
    "t1_navier_stokes",
    "t1_plus_airfoil",
    "t1_plus_navier_stokes",
    "t1_tiny",
    "unet_airfoil",
    "unet_navier_stokes",
]
