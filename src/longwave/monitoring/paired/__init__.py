"""The ground of every comparison: two runs row by row (`rows`), tests, corrections and verdicts."""

from longwave.monitoring.paired.corrections import Adjustment, adjust_p_values
from longwave.monitoring.paired.rows import RUN_KEY, PairedRows, check_labels, pair_rows, require_columns
from longwave.monitoring.paired.significance import mean_change, paired_change, share_change, wilson_bounds
from longwave.monitoring.paired.verdicts import MIN_CHANGE, Verdict, judge, judge_all

__all__ = [
    "MIN_CHANGE",
    "RUN_KEY",
    "Adjustment",
    "PairedRows",
    "Verdict",
    "adjust_p_values",
    "check_labels",
    "judge",
    "judge_all",
    "mean_change",
    "pair_rows",
    "paired_change",
    "require_columns",
    "share_change",
    "wilson_bounds",
]
