"""The synthetic reasoning tasks of Hyena and H3: small rules that tell sequence operators apart."""

from longwave.data.synthetic.addition import Addition
from longwave.data.synthetic.induction import InductionHead
from longwave.data.synthetic.linear import LinearFunctions, LinearPrompts, linear_floors, regression_scores
from longwave.data.synthetic.recall import AssociativeRecall
from longwave.data.synthetic.symbols import Counting, Majority

__all__ = [
    "Addition",
    "AssociativeRecall",
    "Counting",
    "InductionHead",
    "LinearFunctions",
    "LinearPrompts",
    "Majority",
    "linear_floors",
    "regression_scores",
]
