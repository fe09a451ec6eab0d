"""Options at the end of a model's spec: ``KIND:REST?option=value&option=value``."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import unquote

from longwave.config import apply_overrides
from longwave.errors import ConfigError

__all__ = ["read_options", "split_options"]

T = TypeVar("T")


def split_options(rest: str) -> tuple[str, dict[str, str]]:
    """Take the options off the end of a spec.

    Parameters
    ----------
    rest : str
        What follows ``KIND:``; the options begin at the first question mark. In values ``%26`` stands for
        ``&`` and so on, as in web addresses.

    Raises
    ------
    ConfigError
        If an option has no value or comes twice.

    Examples
    --------
    >>> split_options("gpt@http://127.0.0.1:8000?rpm=60&max_usd=1")
    ('gpt@http://127.0.0.1:8000', {'rpm': '60', 'max_usd': '1'})
    """
    place, mark, text = rest.partition("?")
    options: dict[str, str] = {}
    for entry in text.split("&") if mark else ():
        key, equals, value = entry.partition("=")
        if not key or not equals or not value:
            raise ConfigError(
                f'"{entry}" is not an option of "{place}". Write option=value, and & between options: '
                "?rpm=60&max_usd=1."
            )
        if key in options:
            raise ConfigError(f'The option "{key}" of "{place}" comes twice. Leave one out.')
        options[key] = unquote(value)
    return place, options


def read_options(defaults: T, options: Mapping[str, str]) -> T:
    """Put options into a settings dataclass; texts are taken as they are, other values read as YAML.

    Raises
    ------
    ConfigError
        If there is no such option, or its value has the wrong type; the message lists what there is.
    """
    hints = typing.get_type_hints(type(defaults))
    entries = [
        f"{key}={json.dumps(value) if _is_text(hints.get(key)) else value}" for key, value in options.items()
    ]
    try:
        return apply_overrides(defaults, entries)
    except ConfigError as error:
        raise _own_words(error) from error


def _own_words(error: ConfigError) -> ConfigError:
    """Return what the settings themselves said, without the words around it of who built them."""
    from pydantic import ValidationError

    cause = error.__cause__
    inner = cause.errors()[0].get("ctx", {}).get("error") if isinstance(cause, ValidationError) else None
    return inner if isinstance(inner, ConfigError) else error


def _is_text(hint: object) -> bool:
    """Whether a field holds text, or one of some words, or nothing."""
    inner = [part for part in typing.get_args(hint) if part is not type(None)] or [hint]
    return all(part is str or isinstance(part, str) or _is_words(part) for part in inner)


def _is_words(hint: object) -> bool:
    return typing.get_origin(hint) is typing.Literal and _is_text(hint)
