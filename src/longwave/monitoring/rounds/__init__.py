"""The same questions on another day. `collecting` asks them, `judging` compares them and judges alarms."""

from longwave.monitoring.rounds.alarm_verdicts import AlarmVerdict
from longwave.monitoring.rounds.alarms import Alarm, parse_alarm
from longwave.monitoring.rounds.collecting import CollectConfig, collect, read_collect_config
from longwave.monitoring.rounds.free_answers import fold_free_answers
from longwave.monitoring.rounds.judging import Round, RoundRules, judge_round

__all__ = [
    "Alarm",
    "AlarmVerdict",
    "CollectConfig",
    "Round",
    "RoundRules",
    "collect",
    "fold_free_answers",
    "judge_round",
    "parse_alarm",
    "read_collect_config",
]
