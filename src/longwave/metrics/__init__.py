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
from longwave.metrics.balanced_accuracy import summarize_balanced_accuracy
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
from longwave.metrics.bbq import bbq_bias_ambiguous, bbq_bias_disambiguated, summarize_bbq
from longwave.metrics.bias import (
    demographic_representation,
    stereotypical_associations,
    summarize_representation,
    summarize_stereotypes,
)
from longwave.metrics.bias_words import BiasWords, load_bias_words, read_bias_words
from longwave.metrics.calibration import (
    bin_confidences,
    expected_calibration_error,
    selective_accuracy,
    selective_accuracy_curve,
    selective_coverage_area,
    summarize_calibration,
)
from longwave.metrics.classification import classification_f1, summarize_classification
from longwave.metrics.code import pass_at_k, run_function_tests, run_input_tests
from longwave.metrics.copyright import edit_distance, edit_similarity, longest_common_prefix_length
from longwave.metrics.disinformation import monte_carlo_entropy, self_bleu
from longwave.metrics.efficiency import summarize_efficiency
from longwave.metrics.energy import (
    EnergyMeter,
    published_training_energy_mwh,
    scale_training_energy_mwh,
    training_emissions_kg,
    training_energy_mwh,
)
from longwave.metrics.fairness import (
    compare_groups,
    summarize_contrast,
    summarize_disparities,
    summarize_fairness,
)
from longwave.metrics.field_arrays import finite_samples
from longwave.metrics.fields import (
    mean_absolute_error,
    mean_squared_error,
    psnr,
    relative_l1,
    relative_l2,
    score_fields,
    smape,
    summarize_fields,
)
from longwave.metrics.general import count_output_tokens, count_outputs, finish_reason_share
from longwave.metrics.groups import gap_pp, group_accuracy, summarize_groups, worst_group_accuracy
from longwave.metrics.language import bits_per_byte, logprob_per_byte, perplexity, summarize_language
from longwave.metrics.legal import LegalMode, LegalScore, evaluate_legal, legal_exact_match, legal_measure
from longwave.metrics.mathematics import last_boxed, math_equiv, normalise_latex
from longwave.metrics.perspective import PerspectiveClassifier
from longwave.metrics.platt import PlattScaling, fit_platt_scaling
from longwave.metrics.ranking import document_relevance, ndcg, recall_at, reciprocal_rank, success_at
from longwave.metrics.robustness import summarize_perturbations, summarize_robustness, worst_case
from longwave.metrics.runtimes import (
    RuntimeProfile,
    fit_runtime_profile,
    read_runtime_profile,
    summarize_runtimes,
)
from longwave.metrics.sets import exact_set_match, f1_set_match, iou_set_match, parse_set
from longwave.metrics.spectra import energy_spectrum, energy_spectrum_error
from longwave.metrics.stemming import porter_stem
from longwave.metrics.text import bleu, extractive_fragments, rouge
from longwave.metrics.tidy import TIDY
from longwave.metrics.toxicity import measure_toxicity, score_toxicity, summarize_toxicity
from longwave.metrics.toxicity_classifiers import (
    HuggingFaceClassifier,
    LexiconClassifier,
    ToxicityClassifier,
    open_classifier,
)
from longwave.metrics.win_rate import mean_score, mean_win_rate

__all__ = [
    "FAMILIES",
    "TIDY",
    "Answer",
    "AnswerMetric",
    "BiasWords",
    "EnergyMeter",
    "Family",
    "HuggingFaceClassifier",
    "InstanceMetric",
    "LegalMode",
    "LegalScore",
    "LexiconClassifier",
    "Metric",
    "PerspectiveClassifier",
    "PlattScaling",
    "RuntimeProfile",
    "TableMetric",
    "ToxicityClassifier",
    "bbq_bias_ambiguous",
    "bbq_bias_disambiguated",
    "bin_confidences",
    "bits_per_byte",
    "bleu",
    "classification_f1",
    "compare_groups",
    "count_output_tokens",
    "count_outputs",
    "demographic_representation",
    "document_relevance",
    "edit_distance",
    "edit_similarity",
    "energy_spectrum",
    "energy_spectrum_error",
    "evaluate_legal",
    "exact_match",
    "exact_match_indicator",
    "exact_set_match",
    "expected_calibration_error",
    "extractive_fragments",
    "f1_set_match",
    "final_number_exact_match",
    "finish_reason_share",
    "finite_samples",
    "fit_platt_scaling",
    "fit_runtime_profile",
    "gap_pp",
    "get_metric",
    "group_accuracy",
    "iou_set_match",
    "last_boxed",
    "legal_exact_match",
    "legal_measure",
    "load_bias_words",
    "logprob_per_byte",
    "longest_common_prefix_length",
    "math_equiv",
    "mean_absolute_error",
    "mean_score",
    "mean_squared_error",
    "mean_win_rate",
    "measure_toxicity",
    "monte_carlo_entropy",
    "ndcg",
    "normalise",
    "normalise_latex",
    "open_classifier",
    "parse_set",
    "pass_at_k",
    "perplexity",
    "porter_stem",
    "prefix_exact_match",
    "psnr",
    "published_training_energy_mwh",
    "quasi_exact_match",
    "quasi_prefix_exact_match",
    "read_bias_words",
    "read_runtime_profile",
    "recall_at",
    "reciprocal_rank",
    "relative_l1",
    "relative_l2",
    "rouge",
    "run_function_tests",
    "run_input_tests",
    "scale_training_energy_mwh",
    "score_fields",
    "score_toxicity",
    "selective_accuracy",
    "selective_accuracy_curve",
    "selective_coverage_area",
    "self_bleu",
    "smape",
    "stereotypical_associations",
    "success_at",
    "summarize_accuracy",
    "summarize_balanced_accuracy",
    "summarize_bbq",
    "summarize_calibration",
    "summarize_classification",
    "summarize_contrast",
    "summarize_disparities",
    "summarize_efficiency",
    "summarize_errors",
    "summarize_fairness",
    "summarize_fields",
    "summarize_groups",
    "summarize_language",
    "summarize_perturbations",
    "summarize_representation",
    "summarize_robustness",
    "summarize_runtimes",
    "summarize_scores",
    "summarize_stereotypes",
    "summarize_toxicity",
    "token_f1",
    "training_emissions_kg",
    "training_energy_mwh",
    "worst_case",
    "worst_group_accuracy",
]
