"""When a probe has seen enough."""

from __future__ import annotations

from dataclasses import dataclass

from longwave.errors import ConfigError
from longwave.monitoring.probing.estimate import ShiftEstimate

__all__ = ["StopRule"]


@dataclass(frozen=True, kw_only=True)
class StopRule:
    """Reasons to stop before the budget is spent.

    Parameters
    ----------
    width_pp : float, optional
        Stop when the interval of the accuracy difference is at most so wide, in points.
    drop_pp : float, optional
        Stop when it is certain that accuracy fell by more than so many points, or certain that it did not.
    certainty : float
        Confidence of that interval. It is looked at after every batch, and each look is a chance to be wrong;
        hence more than the 95 % of a single look.
    min_calls : int
        Never before so many answers.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    width_pp: float | None = None
    drop_pp: float | None = None
    certainty: float = 0.99
    min_calls: int = 50

    def __post_init__(self) -> None:
        for name in ("width_pp", "drop_pp"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 100:
                raise ConfigError(
                    f'"{name}" is {value}; accepted are points between 0 and 100, for example 2.'
                )
        if not 0.5 < self.certainty < 1:
            raise ConfigError(
                f'"certainty" is {self.certainty}; accepted are values from 0.5 to 1, for example 0.99.'
            )
        if self.min_calls < 1:
            raise ConfigError(f'"min_calls" is {self.min_calls}; it must be at least 1.')

    def reason(self, narrow: ShiftEstimate, wide: ShiftEstimate) -> str | None:
        """Say why to stop; None to go on.

        Parameters
        ----------
        narrow : ShiftEstimate
            With the intervals that are reported.
        wide : ShiftEstimate
            With intervals of the rule's certainty.
        """
        if narrow.n_asked < self.min_calls:
            return None
        low, high = 100 * narrow.delta.low, 100 * narrow.delta.high
        if self.width_pp is not None and high - low <= self.width_pp:
            return f"the interval of the accuracy difference is {high - low:.2f} points wide"
        if self.drop_pp is not None and 100 * wide.delta.high < -self.drop_pp:
            return f"accuracy fell by more than {self.drop_pp:g} points"
        if self.drop_pp is not None and 100 * wide.delta.low > -self.drop_pp:
            return f"accuracy did not fall by {self.drop_pp:g} points"
        return None
