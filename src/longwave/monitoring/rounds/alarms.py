"""Alarms: short sentences such as ``accuracy drop > 2pp at 95%``, which a round of answers fulfils or not.

::

    alarm   = measure sign number unit [ "at" number "%" ]
    measure = "accuracy drop" | "group accuracy drop" | "no answer rise"     (sign >, unit pp)
            | "flips" | "negative flips" | "cost rise" | "latency rise"      (sign >, unit %)
            | "overlap"                                                      (sign <, unit %)

Without ``at`` the estimate alone decides. With it the whole interval must lie beyond the limit, and the
interval is widened for all that the alarm looks at (series, and groups within them), so that a model that
did not change sets it off in at most one round of twenty at 95 %.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from longwave.errors import ConfigError, nearest

__all__ = ["MEASURES", "Alarm", "Measure", "parse_alarm"]

Sign = Literal[">", "<"]
Unit = Literal["pp", "%"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What an alarm can watch.

    Parameters
    ----------
    sign : {">", "<"}
        Which side of the limit is alarming.
    unit : {"pp", "%"}
        Points are differences of shares; per cent are shares, or changes relative to what was before.
    meaning : str
    """

    sign: Sign
    unit: Unit
    meaning: str


MEASURES: dict[str, Measure] = {
    "accuracy drop": Measure(sign=">", unit="pp", meaning="mean score before minus after"),
    "group accuracy drop": Measure(sign=">", unit="pp", meaning="the same for the group that lost most"),
    "flips": Measure(sign=">", unit="%", meaning="share of rows with another prediction"),
    "negative flips": Measure(sign=">", unit="%", meaning="share of rows that were right and are wrong"),
    "overlap": Measure(sign="<", unit="%", meaning="share of rows with the same prediction"),
    "no answer rise": Measure(sign=">", unit="pp", meaning="rise of the share of rows without an answer"),
    "cost rise": Measure(sign=">", unit="%", meaning="rise of the mean price of a row"),
    "latency rise": Measure(sign=">", unit="%", meaning="rise of the median latency"),
}

_TOKEN = re.compile(r"(?P<number>\d+(?:\.\d+)?)|(?P<sign>[<>])|(?P<unit>%|pp(?![a-z]))|(?P<word>[a-z]+)")
_EXAMPLE = 'for example "accuracy drop > 2pp at 95%"'


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One alarm.

    Parameters
    ----------
    text : str
        As it was written.
    measure : str
        Key of ``MEASURES``.
    limit : float
        As a share: 0.02 for ``2pp`` and for ``2%``.
    confidence : float or None
        0.95 for ``at 95%``; None where the estimate alone decides.
    """

    text: str
    measure: str
    limit: float
    confidence: float | None

    def is_beyond(self, estimate: float, low: float, high: float) -> bool:
        """Tell whether an estimate with its interval sets the alarm off."""
        if MEASURES[self.measure].sign == ">":
            return (estimate if self.confidence is None else low) > self.limit
        return (estimate if self.confidence is None else high) < self.limit


def parse_alarm(text: str) -> Alarm:
    """Read an alarm.

    Raises
    ------
    ConfigError
        If it is none; the message names the position and what is accepted there.

    Examples
    --------
    >>> parse_alarm("overlap < 97%").limit
    0.97
    >>> parse_alarm("accuracy drop > 2pp at 95%").confidence
    0.95
    """
    reader = _Reader(text)
    start = reader.position
    name = " ".join(reader.take_words())
    if name not in MEASURES:
        close = nearest(name, list(MEASURES)) if name else []
        hint = f' Did you mean "{close[0]}"?' if close else ""
        raise reader.wrong(start, f"a measure: {', '.join(MEASURES)}", hint)
    measure = MEASURES[name]
    reader.take("sign", f'"{measure.sign}", which is what "{name}" is compared by', measure.sign)
    limit = reader.take_number("the limit, a number")
    reader.take("unit", f'"{measure.unit}", the unit of "{name}"', measure.unit)
    at = reader.position
    if measure.unit == "%" and measure.sign == "<" and not limit <= 100:
        raise reader.wrong(at - 1, "a share of at most 100%")
    confidence = reader.take_confidence()
    return Alarm(text=text.strip(), measure=name, limit=limit / 100, confidence=confidence)


class _Reader:
    """Reads an alarm word by word and knows where it is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._skip()

    def take_words(self) -> list[str]:
        """Take words as long as there are some."""
        words = []
        while (found := self._peek()) is not None and found.lastgroup == "word":
            words.append(found[0])
            self._go_to(found.end())
        return words

    def take(self, kind: str, what: str, only: str | None = None) -> str:
        """Take what must come next."""
        found = self._peek()
        if found is None or found.lastgroup != kind or (only is not None and found[0] != only):
            raise self.wrong(self.position, what)
        self._go_to(found.end())
        return found[0]

    def take_number(self, what: str) -> float:
        """Take a number that must come next."""
        return float(self.take("number", what))

    def take_confidence(self) -> float | None:
        """Take ``at 95%``, or nothing, and the end."""
        if self.position == len(self.text):
            return None
        self.take("word", 'the end, or "at" with a confidence such as "at 95%"', "at")
        start = self.position
        percent = self.take_number("a confidence, for example 95%")
        if not 50 <= percent < 100:
            raise self.wrong(start, "a confidence from 50% to below 100%")
        self.take("unit", '"%", the unit of a confidence', "%")
        if self.position < len(self.text):
            raise self.wrong(self.position, "the end")
        return percent / 100

    def wrong(self, position: int, accepted: str, hint: str = "") -> ConfigError:
        """Say what stands where something else is accepted."""
        word = self.text[position:].split(maxsplit=1)
        there = f'"{word[0]}" stands at position {position + 1}' if word else "it ends"
        return ConfigError(
            f'The alarm "{self.text.strip()}" cannot be read: {there}; accepted is {accepted}.{hint} '
            f"Write it like the others, {_EXAMPLE}."
        )

    def _peek(self) -> re.Match[str] | None:
        return _TOKEN.match(self.text.lower(), self.position)

    def _go_to(self, position: int) -> None:
        self.position = position
        self._skip()

    def _skip(self) -> None:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1
