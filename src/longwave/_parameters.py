"""The constructor's arguments as scikit-learn's tools read and change them."""

from __future__ import annotations

import inspect
from typing import Self

from longwave.errors import ConfigError, nearest

__all__ = ["HasParameters"]


class HasParameters:
    """Base of models whose constructor only stores its arguments, each under its own name."""

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Return the constructor's arguments; ``deep`` is there for scikit-learn and changes nothing."""
        del deep
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: object) -> Self:
        """Change arguments of the constructor.

        Raises
        ------
        ConfigError
            If there is no such argument.
        """
        known = list(self.get_params())
        for name, value in params.items():
            if name not in known:
                close = nearest(name, known, 1)
                hint = f' Did you mean "{close[0]}"?' if close else ""
                raise ConfigError(
                    f'{type(self).__name__} has no argument "{name}".{hint} Known: {", ".join(known)}.'
                )
            setattr(self, name, value)
        return self
