"""How a hosted model is named: ``NAME@BASE_URL?option=value``, and what the options mean."""

from __future__ import annotations

import ipaddress
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import SplitResult, urlsplit

from longwave.clients.options import read_options, split_options
from longwave.errors import ConfigError

__all__ = ["Api", "HostedSettings", "ServerAddress", "read_key", "read_spec"]

Api = Literal["auto", "chat", "completions"]
SPEC = re.compile(r"(?P<name>.+?)@(?P<url>[a-zA-Z][a-zA-Z0-9+.-]*://.*)", re.DOTALL)
EXAMPLE = "openai:my-model@http://127.0.0.1:8000"
KEY_NAMES = ("LONGWAVE_API_KEY", "OPENAI_API_KEY")
OPENAI_HOST = "api.openai.com"
OMITTABLE = ("logprobs", "seed", "stop", "temperature", "top_p")


@dataclass(frozen=True, kw_only=True)
class HostedSettings:
    """Options of a hosted model.

    Parameters
    ----------
    api : {"auto", "chat", "completions"}
        Which of a server's two interfaces is asked; "auto" takes ``completions`` where the server has it for
        this model, else ``chat``.
    concurrency : int
        Requests under way at a time.
    retries : int
        Tries after the first one of a request that failed for a while (429, 5xx, timeouts, lost connections).
    timeout_s, connect_timeout_s : float
        Seconds one try may take in all, and until a connection stands.
    max_wait_s : float
        Longest wait that a server may ask for; beyond it the request fails.
    rpm, tpm : int, optional
        Requests and tokens a minute at most; by default as fast as the server lets us.
    price_in, price_out : float, optional
        US dollars a million tokens of prompts and of completions; both or none.
    prices : str, optional
        TOML file with a table ``[NAME]`` a model that holds ``in`` and ``out``, instead of the two above.
    max_usd : float, optional
        What this client may spend; needs prices.
    max_length : int, optional
        Longest prompt plus completion in tokens; needs ``tokenizer``. Without it prompts are not fitted.
    tokenizer : str, optional
        Name or folder of a Hugging Face tokenizer that counts tokens as the model does.
    prefix : str
        Stands before texts that are scored after nothing, such as ``<|endoftext|>``.
    key : str, optional
        Environment variable that holds the server's key.
    omit : str
        Settings that are never sent, with commas between, for servers that refuse them.
    version : str, optional
        For the ``version`` column; by default a hash of the address and of what changes answers.
    allow_http : bool
        Whether requests may travel unencrypted to another machine.

    Raises
    ------
    ConfigError
        If a value is out of its range, or options do not go together.
    """

    api: Api = "auto"
    concurrency: int = 8
    retries: int = 6
    timeout_s: float = 120.0
    connect_timeout_s: float = 10.0
    max_wait_s: float = 300.0
    rpm: int | None = None
    tpm: int | None = None
    price_in: float | None = None
    price_out: float | None = None
    prices: str | None = None
    max_usd: float | None = None
    max_length: int | None = None
    tokenizer: str | None = None
    prefix: str = ""
    key: str | None = None
    omit: str = ""
    version: str | None = None
    allow_http: bool = False

    def __post_init__(self) -> None:
        if self.api not in get_args(Api):
            raise ConfigError(f'"api" is "{self.api}"; it must be one of {", ".join(get_args(Api))}.')
        for name, smallest in (("concurrency", 1), ("retries", 0), ("rpm", 1), ("tpm", 1), ("max_length", 1)):
            _check(name, getattr(self, name), smallest=smallest)
        for name in ("timeout_s", "connect_timeout_s"):
            _check(name, getattr(self, name), above=0)
        for name in ("max_wait_s", "price_in", "price_out", "max_usd"):
            _check(name, getattr(self, name), smallest=0)
        if (self.price_in is None) != (self.price_out is None):
            raise ConfigError('"price_in" and "price_out" belong together. Give both, or a file of prices.')
        if self.prices is not None and self.price_in is not None:
            raise ConfigError('"prices" and "price_in" both tell the price. Leave one out.')
        if self.max_usd is not None and self.prices is None and self.price_in is None:
            raise ConfigError(
                '"max_usd" needs prices to count with. Add price_in and price_out (US dollars a million '
                "tokens), or prices=FILE."
            )
        if self.max_length is not None and self.tokenizer is None:
            raise ConfigError(
                '"max_length" needs a tokenizer to count with. Add tokenizer=NAME (a Hugging Face name or '
                "a folder)."
            )
        unknown = sorted(self.omitted - set(OMITTABLE))
        if unknown:
            raise ConfigError(
                f'"omit" names "{unknown[0]}"; it may hold {", ".join(OMITTABLE)}, with commas between.'
            )

    @property
    def omitted(self) -> frozenset[str]:
        """Settings that are never sent."""
        return frozenset(filter(None, self.omit.split(",")))


@dataclass(frozen=True, kw_only=True)
class ServerAddress:
    """Where a server is; requests and its key go there and nowhere else.

    Parameters
    ----------
    url : str
        Without a slash at the end; the paths of the interface follow it.
    host : str
    is_loopback : bool
        Whether it is this machine.
    """

    url: str
    host: str
    is_loopback: bool

    @classmethod
    def parse(cls, text: str, *, allow_http: bool) -> ServerAddress:
        """Check a base URL; one without a path gets ``/v1``.

        Raises
        ------
        ConfigError
            If it is not ``http(s)``, holds a password, or would send texts unencrypted to another machine.
        """
        parts = _split(text)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f'"{text}" is not the address of a server; http:// and https:// are. Write for example '
                f"{EXAMPLE}."
            )
        if parts.username is not None or parts.password is not None:
            raise ConfigError(
                f'The address of "{parts.hostname}" holds a user name or password. Keys belong into the '
                "environment: set LONGWAVE_API_KEY."
            )
        is_loopback = _is_loopback(parts.hostname)
        if parts.scheme == "http" and not is_loopback and not allow_http:
            raise ConfigError(
                f'"{text}" is unencrypted and not on this machine; texts and keys could be read on the way. '
                "Use https://, or add allow_http=yes where the network is yours."
            )
        if parts.fragment:
            raise ConfigError(f'"{text}" holds a "#", which no base URL has. Leave it out.')
        path = parts.path.rstrip("/") or "/v1"
        return cls(url=f"{parts.scheme}://{parts.netloc}{path}", host=parts.hostname, is_loopback=is_loopback)


def read_spec(rest: str) -> tuple[str, ServerAddress, HostedSettings]:
    """Read ``NAME@BASE_URL?options``.

    Raises
    ------
    ConfigError
        If the name or the address is missing, or an option is wrong.
    """
    place, options = split_options(rest)
    match = SPEC.fullmatch(place)
    if match is None:
        raise ConfigError(
            f'"{place}" does not name a hosted model; the name, @ and the address of its server do. Write '
            f"for example {EXAMPLE}."
        )
    settings = _read_settings(options)
    return match["name"], ServerAddress.parse(match["url"], allow_http=settings.allow_http), settings


def read_key(address: ServerAddress, variable: str | None) -> str | None:
    """Read the key for a server from the environment; None when there is none.

    Parameters
    ----------
    address : ServerAddress
    variable : str or None
        The variable to read. Otherwise ``LONGWAVE_API_KEY``; for OpenAI's own server also ``OPENAI_API_KEY``,
        which is sent to no other one.

    Raises
    ------
    ConfigError
        If the named variable is not set, or the key holds what no header can.
    """
    names = [variable] if variable else [*KEY_NAMES] if address.host == OPENAI_HOST else [*KEY_NAMES[:1]]
    key = next((os.environ[name].strip() for name in names if os.environ.get(name, "").strip()), None)
    if key is None and variable:
        raise ConfigError(
            f'The environment variable "{variable}", which key names, is not set. Set it to the key of '
            f"{address.host}."
        )
    if key is not None and not all("!" <= letter <= "~" for letter in key):
        raise ConfigError(
            f"The key for {address.host} holds blanks, line ends or letters that no key has. Copy it again; "
            "it stands in the environment."
        )
    return key


def _read_settings(options: Mapping[str, str]) -> HostedSettings:
    return read_options(HostedSettings(), options)


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises when it is no number
    except ValueError as error:
        raise ConfigError(f'"{text}" is not an address: {error}. Write for example {EXAMPLE}.') from error
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost" or host.endswith(".localhost")


def _check(name: str, value: float | None, *, smallest: float = -math.inf, above: float = -math.inf) -> None:
    if value is None or (math.isfinite(value) and value >= smallest and value > above):
        return
    bound = f"at least {smallest}" if smallest > -math.inf else f"above {above}"
    raise ConfigError(f'"{name}" is {value}; it must be a finite number, {bound}.')
