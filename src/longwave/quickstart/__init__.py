"""The tour behind ``longwave quickstart``: every part of Longwave on bundled real data, in one report."""

from longwave.quickstart.stages import Lesson, Observer
from longwave.quickstart.tour import QuickstartConfig, QuickstartSummary, run_quickstart

__all__ = ["Lesson", "Observer", "QuickstartConfig", "QuickstartSummary", "run_quickstart"]
