"""What changed between runs. `two_runs` compares two, `all_runs` every series of a store."""

from longwave.monitoring.comparison.all_runs import Across, Comparisons, compare_all
from longwave.monitoring.comparison.flips import Flips, flips_of
from longwave.monitoring.comparison.two_runs import Comparison, compare

__all__ = [
    "Across",
    "Comparison",
    "Comparisons",
    "Flips",
    "compare",
    "compare_all",
    "flips_of",
]
