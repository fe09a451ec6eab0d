"""Fields of differential equations, made by solvers of our own: nothing is downloaded."""

from longwave.data.pde.airfoil import AirfoilConfig, Airfoils, potential_flow
from longwave.data.pde.burgers import BurgersConfig, solve_burgers
from longwave.data.pde.darcy import DarcyConfig, solve_darcy
from longwave.data.pde.data_sets import PDE_DATA, PDEConfig, make_pde_data, pde_config
from longwave.data.pde.fields import Channel, FieldPairs, PDEDataSet
from longwave.data.pde.files import read_pde_file
from longwave.data.pde.navier_stokes import NavierStokesConfig, diagonal_force, solve_navier_stokes
from longwave.data.pde.random_fields import neumann_field, periodic_field
from longwave.data.pde.smoke import SmokeConfig, solve_smoke
from longwave.data.pde.symmetries import Symmetries, Symmetry

__all__ = [
    "PDE_DATA",
    "AirfoilConfig",
    "Airfoils",
    "BurgersConfig",
    "Channel",
    "DarcyConfig",
    "FieldPairs",
    "NavierStokesConfig",
    "PDEConfig",
    "PDEDataSet",
    "SmokeConfig",
    "Symmetries",
    "Symmetry",
    "diagonal_force",
    "make_pde_data",
    "neumann_field",
    "pde_config",
    "periodic_field",
    "potential_flow",
    "read_pde_file",
    "solve_burgers",
    "solve_darcy",
    "solve_navier_stokes",
    "solve_smoke",
]
