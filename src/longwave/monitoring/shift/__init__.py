"""Which errors moved: between classes (`confusion`), for whom (`groups`), among sets of tags (`tags`)."""

from longwave.monitoring.shift.confusion import NO_ANSWER, ConfusionShift, confusion_shift, shift_of
from longwave.monitoring.shift.groups import GROUP_SHIFT, MixChange, group_shift, hidden_changes, mix_change
from longwave.monitoring.shift.tags import LabelSetShift, label_sets

__all__ = [
    "GROUP_SHIFT",
    "NO_ANSWER",
    "ConfusionShift",
    "LabelSetShift",
    "MixChange",
    "confusion_shift",
    "group_shift",
    "hidden_changes",
    "label_sets",
    "mix_change",
    "shift_of",
]
