"""Tasks of the Long Range Arena, made by generators of our own: nothing is downloaded."""

from longwave.data.lra.listops import ListOps
from longwave.data.lra.pathfinder import Pathfinder

__all__ = ["ListOps", "Pathfinder"]
