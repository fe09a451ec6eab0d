"""What a server is called and how much it takes on."""

from __future__ import annotations

from dataclasses import dataclass

from longwave.errors import ConfigError

__all__ = ["ServerConfig"]

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """Name and limits of a server; those of the batch are in ``EngineConfig``.

    Parameters
    ----------
    name : str
        What clients call the model.
    max_choices : int
        Completions that one request may ask for: its prompts times ``n``.
    max_requests : int
        Requests under way at a time, waiting ones counted; more are told to come back.
    max_body_bytes : int
        Longest body of a request.
    body_timeout_s : float
        Seconds in which a body has to arrive.
    timeout_s : float
        Seconds for one request, waiting counted.
    grace_s : float
        Seconds for which running requests may go on once the server was told to stop.

    Raises
    ------
    ConfigError
        If the name is empty or a limit is not above 0 (``grace_s``: below 0).
    """

    name: str
    max_choices: int = 128
    max_requests: int = 1024
    max_body_bytes: int = 16 * MIB
    body_timeout_s: float = 30.0
    timeout_s: float = 600.0
    grace_s: float = 30.0

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError('"name" is empty; clients ask for the model by it. Give a name.')
        for limit in ("max_choices", "max_requests", "max_body_bytes", "body_timeout_s", "timeout_s"):
            if not getattr(self, limit) > 0:
                raise ConfigError(
                    f'"{limit}" is {getattr(self, limit)}; it must be above 0. Leave it out for the default.'
                )
        if not self.grace_s >= 0:
            raise ConfigError(f'"grace_s" is {self.grace_s}; it must be at least 0 seconds.')
