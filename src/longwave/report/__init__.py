"""The report: static pages in which every number leads to the rows behind it, and the figures on them.

The names are loaded when they are used: charts take longer to load than a small evaluation takes to run.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longwave.report.build import build_report
    from longwave.report.figures import (
        reliability_diagram,
        save_figure,
        score_chart,
        selective_chart,
        training_chart,
        vega_lite,
    )
    from longwave.report.measures import Measure
    from longwave.report.server import serve
    from longwave.report.style import theme

__all__ = [
    "Measure",
    "build_report",
    "reliability_diagram",
    "save_figure",
    "score_chart",
    "selective_chart",
    "serve",
    "theme",
    "training_chart",
    "vega_lite",
]

_HOMES = {"Measure": "measures", "build_report": "build", "serve": "server", "theme": "style"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f'The module "{__name__}" has no attribute "{name}".')
    return getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'figures')}"), name)
