"""Money: prices of tokens, and a limit that spending never passes."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from longwave.errors import BudgetExceeded, ConfigError, MissingFile, UnknownName

__all__ = ["Budget", "Price", "Usage", "load_price"]

MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of a prompt and of its completions, as a server bills them."""

    tokens_in: int
    tokens_out: int

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            tokens_in=self.tokens_in + other.tokens_in, tokens_out=self.tokens_out + other.tokens_out
        )


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars a million tokens of prompts and of completions.

    Examples
    --------
    >>> Price(usd_in=2.0, usd_out=8.0).of(Usage(tokens_in=1000, tokens_out=500))
    0.006
    """

    usd_in: float
    usd_out: float

    def of(self, usage: Usage) -> float:
        """Price a request in US dollars."""
        return (usage.tokens_in * self.usd_in + usage.tokens_out * self.usd_out) / MILLION


class Budget:
    """Money that requests reserve before they are sent and settle when they are answered.

    Parameters
    ----------
    price : Price, optional
        None when nobody told one: nothing is counted then.
    max_usd : float, optional
        Limit of what is spent and reserved together; None for no limit.

    Attributes
    ----------
    spent_usd : float
        What was settled: answered requests at their real price, and those whose fate is unknown (a timeout,
        a lost connection) at the highest they can have cost.
    reserved_usd : float
        The highest price of what is under way.
    """

    def __init__(self, price: Price | None, *, max_usd: float | None = None) -> None:
        self.price = price
        self.max_usd = max_usd
        self.spent_usd = 0.0
        self.reserved_usd = 0.0
        self._n_under_way = 0

    def reserve(self, highest: Usage) -> bool:
        """Set aside the highest price of a request.

        Returns
        -------
        bool
            False when the money is not there yet: requests under way may cost less than they reserved.

        Raises
        ------
        BudgetExceeded
            If the money is not there and nothing is under way that could set some free.
        """
        usd = self._usd(highest)
        if self.max_usd is not None and self.spent_usd + self.reserved_usd + usd > self.max_usd:
            if self._n_under_way > 0:
                return False
            raise BudgetExceeded(
                f"The limit of {self.max_usd:g} US dollars is reached: {self.spent_usd:.6g} are spent, and "
                f"the next request may cost {usd:.6g}. Answers so far are kept; raise max_usd and start "
                "again to go on."
            )
        self.reserved_usd += usd
        self._n_under_way += 1
        return True

    def settle(self, highest: Usage, real: Usage | None) -> None:
        """Turn a reservation into what the request cost; None when it cost nothing."""
        self._n_under_way -= 1
        # sums of floats drift: with nothing under way nothing is reserved
        self.reserved_usd = self.reserved_usd - self._usd(highest) if self._n_under_way else 0.0
        if real is not None:
            self.spent_usd += self._usd(real)

    def _usd(self, usage: Usage) -> float:
        return 0.0 if self.price is None else self.price.of(usage)


def load_price(path: Path, model: str) -> Price:
    """Read the price of a model from a TOML file of one's own.

    Parameters
    ----------
    path : Path
        One table a model, with the prices of ``in`` and ``out`` in US dollars a million tokens.
    model : str

    Raises
    ------
    MissingFile
        If the file does not exist.
    UnknownName
        If the file has no such model.
    ConfigError
        If it is not TOML, or a price is missing or no number.
    """
    if not path.is_file():
        raise MissingFile(f'No file of prices "{path}". Name another one with prices=FILE.')
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f'The prices in "{path}" cannot be read: {error}. Write TOML.') from error
    if model not in table:
        raise UnknownName(f'model in the prices of "{path}":', model, table)
    entry = table[model]
    found = entry if isinstance(entry, dict) else {}
    prices = [found.get(name) for name in ("in", "out")]
    if set(found) != {"in", "out"} or not all(_is_price(value) for value in prices):
        raise ConfigError(
            f'The price of "{model}" in "{path}" is {entry!r}; two numbers of at least 0 are needed, in US '
            f'dollars a million tokens: ["{model}"], then in = 1.0 and out = 2.0.'
        )
    return Price(usd_in=float(found["in"]), usd_out=float(found["out"]))


def _is_price(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value >= 0
