"""State-space models as functions: discretisation, kernels, recurrences and starting points.

A channel is ``x' = A x + B u``, ``y = 2 Re(C x)``: of every conjugate pair of modes one is stored, so the
factor 2 stands in every read-out here and nowhere else. ``naive.py`` holds the dense oracle.
"""

from longwave.ops.ssm.dense import dense_final_state, dense_kernel, dense_state_outputs, squarings
from longwave.ops.ssm.discretize import discretize
from longwave.ops.ssm.dplr import (
    DPLRStep,
    complex_state,
    dplr_dense,
    dplr_discretize,
    dplr_kernel,
    dplr_step,
    lengthen_readout,
    real_readout,
    real_state,
    truncate_readout,
)
from longwave.ops.ssm.dss import dss_kernel
from longwave.ops.ssm.hippo import hippo_legs, initial_modes, legs_modes
from longwave.ops.ssm.scan import ssm_final_state, ssm_state_outputs, ssm_states
from longwave.ops.ssm.step import shift_step, ssm_step, steps_in_place
from longwave.ops.ssm.vandermonde import mode_power, mode_powers, ssm_kernel, vandermonde

__all__ = [
    "DPLRStep",
    "complex_state",
    "dense_final_state",
    "dense_kernel",
    "dense_state_outputs",
    "discretize",
    "dplr_dense",
    "dplr_discretize",
    "dplr_kernel",
    "dplr_step",
    "dss_kernel",
    "hippo_legs",
    "initial_modes",
    "legs_modes",
    "lengthen_readout",
    "mode_power",
    "mode_powers",
    "real_readout",
    "real_state",
    "shift_step",
    "squarings",
    "ssm_final_state",
    "ssm_kernel",
    "ssm_state_outputs",
    "ssm_states",
    "ssm_step",
    "steps_in_place",
    "truncate_readout",
    "vandermonde",
]
