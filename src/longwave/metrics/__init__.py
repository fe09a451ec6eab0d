"""Metrics: functions of texts and arrays, and summaries of the predictions table as tidy frames."""

from longwave.metrics.accuracy import (
    exact_match,
    exact_match_indicator,
    final_number_exact_match,
    normalise,
    prefix_exact_match,
    quasi_exact_match,
    quasi_prefix_exact_match,
    summarize_accuracy,
    summarize_errors,
    summarize_scores,
    token_f1,
)
from longwave.metrics.base import (
    FAMILIES,
    Answer,
    AnswerMetric,
    Family,
    InstanceMetric,
    Metric,
    TableMetric,
    get_metric,
)
from longwave.metrics.calibration import (
    bin_confidences,
    expected_calibration_error,
    selective_accuracy,
    selective_accuracy_curve,
    selective_coverage_area,
    summarize_calibration,
)
from longwave.metrics.efficiency import summarize_efficiency
from longwave.metrics.groups import gap_pp, group_accuracy, summarize_groups, worst_group_accuracy
from longwave.metrics.language import bits_per_byte, logprob_per_byte, perplexity, summarize_language
from longwave.metrics.platt import PlattScaling, fit_platt_scaling
from longwave.metrics.robustness import summarize_perturbations, summarize_robustness, worst_case
from longwave.metrics.tidy import TIDY
from longwave.metrics.win_rate import mean_score, mean_win_rate

__all__ = [
    "FAMILIES",
    "TIDY",
    "Answer",
    "AnswerMetric",
    "Family",
    "InstanceMetric",
    "Metric",
    "PlattScaling",
    "TableMetric",
    "bin_confidences",
    "bits_per_byte",
    "exact_match",
    "exact_match_indicator",
    "expected_calibration_error",
    "final_number_exact_match",
    "fit_platt_scaling",
    "gap_pp",
    "get_metric",
    "group_accuracy",
    "logprob_per_byte",
    "mean_score",
    "mean_win_rate",
    "normalise",
    "perplexity",
    "prefix_exact_match",
    "quasi_exact_match",
    "quasi_prefix_exact_match",
    "selective_accuracy",
    "selective_accuracy_curve",
    "selective_coverage_area",
    "summarize_accuracy",
    "summarize_calibration",
    "summarize_efficiency",
    "summarize_errors",
    "summarize_groups",
    "summarize_language",
    "summarize_perturbations",
    "summarize_robustness",
    "summarize_scores",
    "token_f1",
    "worst_case",
    "worst_group_accuracy",
]
