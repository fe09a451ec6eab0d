"""Label models: one answer out of the votes of many prompts, without a label."""

from longwave.prompting.label_model.base import Aggregator, pick_classes
from longwave.prompting.label_model.dawid_skene import DawidSkene
from longwave.prompting.label_model.dependencies import Dependencies, learn_dependencies
from longwave.prompting.label_model.diagnostics import (
    AccuracyEstimates,
    PromptWorth,
    VoteSummary,
    abstention_curve,
    analyze_votes,
    conditional_entropy,
    estimate_accuracies,
    information_flow,
    weigh_prompts,
)
from longwave.prompting.label_model.ensembles import JoinedVotes, join_votes
from longwave.prompting.label_model.generators import GENERATORS, make_source, make_votes
from longwave.prompting.label_model.label_model import LabelModel
from longwave.prompting.label_model.latent_class import LatentClassModel
from longwave.prompting.label_model.majority import MajorityVote
from longwave.prompting.label_model.soft_votes import SoftVoteModel, harden_votes, soften_scores
from longwave.prompting.label_model.sources import VoteGroup, VoteSet, VoteSource
from longwave.prompting.label_model.stopping import EarlyStop, plan_order, stop_early
from longwave.prompting.label_model.triplet import TripletModel
from longwave.prompting.label_model.votes import ABSTAIN, check_votes
from longwave.prompting.label_model.weighted import WeightedVote

__all__ = [
    "ABSTAIN",
    "GENERATORS",
    "AccuracyEstimates",
    "Aggregator",
    "DawidSkene",
    "Dependencies",
    "EarlyStop",
    "JoinedVotes",
    "LabelModel",
    "LatentClassModel",
    "MajorityVote",
    "PromptWorth",
    "SoftVoteModel",
    "TripletModel",
    "VoteGroup",
    "VoteSet",
    "VoteSource",
    "VoteSummary",
    "WeightedVote",
    "abstention_curve",
    "analyze_votes",
    "check_votes",
    "conditional_entropy",
    "estimate_accuracies",
    "harden_votes",
    "information_flow",
    "join_votes",
    "learn_dependencies",
    "make_source",
    "make_votes",
    "pick_classes",
    "plan_order",
    "soften_scores",
    "stop_early",
    "weigh_prompts",
]
