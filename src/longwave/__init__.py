"""Longwave: a toolkit for the whole life of a long-context foundation model.

Importing this package is light: it loads neither torch nor polars. The public names live in the subpackages
(``longwave.ops``, ``longwave.mixers``, ``longwave.models``, ``longwave.predictions``, ...).
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
