"""Monitoring: what changed in a model that is bought, for whom, and which one to buy."""

from longwave.monitoring.agreement import Agreement, agreement, cohen_kappa
from longwave.monitoring.alarms import Alarm, parse_alarm
from longwave.monitoring.alarms_judging import AlarmVerdict
from longwave.monitoring.analyse import Analysis, analyse
from longwave.monitoring.calibration import Calibration, calibrate
from longwave.monitoring.calibration_drift import calibration_drift
from longwave.monitoring.collect import CollectConfig, collect, read_collect_config
from longwave.monitoring.collect_judging import Round, RoundRules, judge_round
from longwave.monitoring.compare import Comparison, compare
from longwave.monitoring.compare_all import Comparisons, compare_all
from longwave.monitoring.compare_verdicts import judge, judge_all
from longwave.monitoring.confidence_map import ConfidenceMap, fit_confidence_map
from longwave.monitoring.disparity import Disparity, group_disparity
from longwave.monitoring.hapi import (
    HapiStore,
    LabelSpace,
    amnist_groups,
    confidence_kind,
    iso_date,
    label_space,
    load_sample,
    read_hapi,
    to_predictions,
)
from longwave.monitoring.own_tables import runs_from_predictions
from longwave.monitoring.pareto import pareto
from longwave.monitoring.policy import Plan, Policy, Rule
from longwave.monitoring.probe import FAILED, ProbeConfig, ProbeResult, Sampler, StopRule, probe
from longwave.monitoring.probe_estimate import ShiftEstimate
from longwave.monitoring.probe_run import pick_baseline, probe_instances
from longwave.monitoring.selection import Savings, budget_curve, cross_validate, match_best, select
from longwave.monitoring.services import Services
from longwave.monitoring.shift import ConfusionShift, confusion_shift
from longwave.monitoring.shift_groups import MixChange, mix_change
from longwave.monitoring.store import RunStore
from longwave.monitoring.store_pairing import Pairing, align, pair_runs
from longwave.monitoring.store_parts import EXTRA_COLUMNS, ORDERED_STATUSES, RUN_COLUMNS, TABLE_COLUMNS, Run
from longwave.monitoring.store_reading import read_runs

__all__ = [
    "EXTRA_COLUMNS",
    "FAILED",
    "ORDERED_STATUSES",
    "RUN_COLUMNS",
    "TABLE_COLUMNS",
    "Agreement",
    "Alarm",
    "AlarmVerdict",
    "Analysis",
    "Calibration",
    "CollectConfig",
    "Comparison",
    "Comparisons",
    "ConfidenceMap",
    "ConfusionShift",
    "Disparity",
    "HapiStore",
    "LabelSpace",
    "MixChange",
    "Pairing",
    "Plan",
    "Policy",
    "ProbeConfig",
    "ProbeResult",
    "Round",
    "RoundRules",
    "Rule",
    "Run",
    "RunStore",
    "Sampler",
    "Savings",
    "Services",
    "ShiftEstimate",
    "StopRule",
    "agreement",
    "align",
    "amnist_groups",
    "analyse",
    "budget_curve",
    "calibrate",
    "calibration_drift",
    "cohen_kappa",
    "collect",
    "compare",
    "compare_all",
    "confidence_kind",
    "confusion_shift",
    "cross_validate",
    "fit_confidence_map",
    "group_disparity",
    "iso_date",
    "judge",
    "judge_all",
    "judge_round",
    "label_space",
    "load_sample",
    "match_best",
    "mix_change",
    "pair_runs",
    "pareto",
    "parse_alarm",
    "pick_baseline",
    "probe",
    "probe_instances",
    "read_collect_config",
    "read_hapi",
    "read_runs",
    "runs_from_predictions",
    "select",
    "to_predictions",
]
