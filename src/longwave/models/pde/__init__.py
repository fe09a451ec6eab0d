"""Models of fields on a grid: what learns a differential equation's solution from examples."""

from longwave.models.pde.base import FieldModel
from longwave.models.pde.coefficient_model import CoefficientModel
from longwave.models.pde.ffno import FFNO, FFNOConfig
from longwave.models.pde.fno import FNO, FNOConfig
from longwave.models.pde.losses import (
    TargetCoefficients,
    coefficient_relative_l2,
    relative_l2,
    target_coefficients,
)
from longwave.models.pde.rollout import coefficient_rollout, rollout
from longwave.models.pde.selection import (
    check_fields,
    check_goal,
    choose_basis,
    irreducible_loss,
    low_pass_box,
    mode_energy,
    top_modes,
)
from longwave.models.pde.t1 import T1
from longwave.models.pde.t1_config import T1Config
from longwave.models.pde.t1_plus import T1Plus, T1PlusConfig
from longwave.models.pde.unet import UNet, UNetConfig

__all__ = [
    "FFNO",
    "FNO",
    "T1",
    "CoefficientModel",
    "FFNOConfig",
    "FNOConfig",
    "FieldModel",
    "T1Config",
    "T1Plus",
    "T1PlusConfig",
    "TargetCoefficients",
    "UNet",
    "UNetConfig",
    "check_fields",
    "check_goal",
    "choose_basis",
    "coefficient_relative_l2",
    "coefficient_rollout",
    "irreducible_loss",
    "low_pass_box",
    "mode_energy",
    "relative_l2",
    "rollout",
    "target_coefficients",
    "top_modes",
]
