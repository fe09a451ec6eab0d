"""Which service to buy. `budget` chooses a policy, `frontier` finds the best one for every price."""

from longwave.monitoring.selection.budget import Savings, budget_curve, cross_validate, match_best, select
from longwave.monitoring.selection.pareto import pareto
from longwave.monitoring.selection.policy import Plan, Policy, Rule
from longwave.monitoring.selection.services import Services

__all__ = [
    "Plan",
    "Policy",
    "Rule",
    "Savings",
    "Services",
    "budget_curve",
    "cross_validate",
    "match_best",
    "pareto",
    "select",
]
