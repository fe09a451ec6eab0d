"""The report: static pages in which every number leads to the rows behind it, and the figures on them."""

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
