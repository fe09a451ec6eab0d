"""What a mixer is, and how one is built from its name."""

# Shapes: B batch, L length, P steps of a chunk, D width

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar, get_args, get_type_hints

from torch import Tensor, nn

from longwave import registry
from longwave.config import load_config
from longwave.errors import ConfigError, ShapeError
from longwave.mixers.state import State

__all__ = ["Mixer", "State", "build_mixer"]


StateT = TypeVar("StateT", bound=State)
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Mixer(nn.Module, ABC, Generic[StateT]):
    """A layer that mixes the steps of a sequence.

    ``forward`` sees whole sequences; ``init_state``, ``prefill`` and ``step`` give the same outputs piece by
    piece, for every causal mixer exactly (up to rounding) and without gradients. The conformance suite holds
    every registered mixer to this contract.

    Parameters
    ----------
    d_model : int
        Width of input and output.
    max_length : int or None
        Longest sequence the mixer accepts; None when there is no limit.
    is_causal : bool
        Whether an output depends on present and past steps only. Only causal mixers decode.

    Attributes
    ----------
    decode_modes : tuple of str
        Ways to decode. ``"recurrent"``: from a state of fixed size. ``"lazy"``: from all steps so far. A
        mixer with a long convolution also has ``"epoched"`` and ``"relaxed"`` (see ``OnlineConv``). Where
        there are several, ``init_state`` takes one as its keyword ``mode``, or ``"auto"``.
    """

    decode_modes: tuple[str, ...] = ("recurrent",)

    def __init__(self, d_model: int, max_length: int | None, *, is_causal: bool) -> None:
        super().__init__()
        if d_model < 1:
            raise ConfigError(f"d_model is {d_model}; a mixer has a width of at least 1.")
        if max_length is not None and max_length < 1:
            raise ConfigError(f"max_length is {max_length}; give a length of at least 1.")
        self.d_model = d_model
        self.max_length = max_length
        self.is_causal = is_causal

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Mix whole sequences.

        Parameters
        ----------
        x : Tensor, shape (B, L, D)
            Any L from 0 to ``max_length``.

        Returns
        -------
        Tensor, shape (B, L, D)

        Raises
        ------
        ShapeError
            If the width is wrong or the sequence is longer than ``max_length``; nothing is ever cut off.
        """

    @abstractmethod
    def init_state(self, batch: int, max_length: int | None = None) -> StateT:
        """Return an empty state on the parameters' device.

        Parameters
        ----------
        batch : int
        max_length : int, optional
            Steps to make room for; ``self.max_length`` unless given.

        Notes
        -----
        Declare padding on the new state (``state.pad``), before the first step.

        Raises
        ------
        ConfigError
            If the mixer is not causal.
        ShapeError
            If ``max_length`` is beyond what the mixer allows, or must be given.
        """

    @abstractmethod
    def prefill(self, x: Tensor, state: StateT) -> tuple[Tensor, StateT]:
        """Mix the next chunk of sequences that arrive in pieces.

        Parameters
        ----------
        x : Tensor, shape (B, P, D)
            Any P from 0 on; chunks of any sizes give the same outputs.
        state : State
            Changed in place.

        Returns
        -------
        Tensor, shape (B, P, D), and the state

        Notes
        -----
        Where ``state.real_steps(P)`` says a step is padding, nothing may enter the memory: what would is
        multiplied by it, after any bias. Outputs at padding are finite and without meaning.

        Raises
        ------
        ShapeError
            If the batch differs from the state's or the state has no room for P more steps.
        """

    @abstractmethod
    def step(self, x_t: Tensor, state: StateT) -> tuple[Tensor, StateT]:
        """Mix one more step: ``prefill`` for x_t of shape (B, D), returning (B, D)."""

    def step_tensors(self, state: StateT) -> tuple[Tensor, ...] | None:  # noqa: ARG002 - of those who override
        """Return the tensors that a step reads and changes, if it is the same device work every time.

        Returns
        -------
        tuple of Tensor, or None
            All the state's tensors that a step touches, where ``step`` changes them in place and does nothing
            that depends on the position but to count it: it can then be captured as a CUDA graph and
            repeated for as long as these tensors are in the state. None (the default) where it cannot.
        """
        return None

    @abstractmethod
    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Return what an optimiser must treat differently, by parameter name relative to this mixer.

        For example ``{"filter.frequency": {"weight_decay": 0.0, "lr": 1e-3}}``; a parameter or option that
        is not listed takes the optimiser's own setting. ``"max_lr"`` takes the optimiser's learning rate up
        to that bound.
        """

    @abstractmethod
    def flops(self, seq_len: int) -> float:
        """Return the operations of a forward pass per step, a multiply-add counting 2."""

    def _check_input(self, x: Tensor) -> None:
        if x.dim() != 3 or x.shape[-1] != self.d_model:
            raise ShapeError(
                f"{type(self).__name__} needs input of shape (B, L, {self.d_model}), not {tuple(x.shape)}. "
                f"Reshape the input or build the mixer with its width."
            )
        if self.max_length is not None and x.shape[1] > self.max_length:
            raise ShapeError(
                f"The sequence has {x.shape[1]} steps but {type(self).__name__} was built for max_length="
                f"{self.max_length}. Cut the sequence or build a longer mixer."
            )

    def _check_chunk(self, x: Tensor, state: StateT) -> None:
        self._check_input(x)
        if x.shape[0] != state.batch:
            raise ShapeError(
                f"The chunk has {x.shape[0]} sequences but the state was made for {state.batch}. "
                f"Make one with init_state(batch={x.shape[0]})."
            )
        if state.position + x.shape[1] > state.max_length:
            raise ShapeError(
                f"The state has room for {state.max_length} steps; {state.position} are taken and "
                f"{x.shape[1]} more do not fit. Make it with init_state(batch, max_length="
                f"{state.position + x.shape[1]}) or more."
            )

    def _state_length(self, max_length: int | None) -> int:
        """Check and resolve the length of a new state."""
        if not self.is_causal:
            raise ConfigError(
                f"This {type(self).__name__} looks ahead, so it cannot decode step by step. "
                f"Build a causal one to generate."
            )
        length = self.max_length if max_length is None else max_length
        if length is None or length < 1:
            raise ShapeError(
                f"init_state of this {type(self).__name__} needs max_length, the steps to make room for, "
                f"of at least 1 (got {max_length})."
            )
        if self.max_length is not None and length > self.max_length:
            raise ShapeError(
                f"A state of {length} steps was asked for but {type(self).__name__} was built for max_length="
                f"{self.max_length}. Ask for less or build a longer mixer."
            )
        return length


def build_mixer(
    name: str, *, d_model: int, max_length: int | None, options: Mapping[str, object] | None = None
) -> Mixer[State]:
    """Build a mixer from its name in the registry.

    Parameters
    ----------
    name : str
        For example ``"hyena"``.
    d_model : int
    max_length : int or None
    options : mapping, optional
        Keyword arguments of the mixer as plain values, nested configurations as mappings; ``longwave list
        mixers`` names the mixers, their reference pages the options. Where an option takes one of several
        configurations, its key ``kind`` tells which; without it, the first.

    Raises
    ------
    UnknownName
        If no mixer has this name.
    ConfigError
        If an option is unknown or has the wrong type; the message lists the known ones.

    Examples
    --------
    >>> options = {"order": 3, "filter": {"frequency": 10.0}}
    >>> mixer = build_mixer("hyena", d_model=8, max_length=32, options=options)
    >>> mixer.order, mixer.max_length
    (3, 32)
    """
    cls = registry.load("mixers", name)
    if not (isinstance(cls, type) and issubclass(cls, Mixer)):
        raise ConfigError(
            f'The mixers entry "{name}" is {cls!r}, which is no Mixer. Mend the package behind it.'
        )
    given = dict(options or {})
    settings: object = load_config(_options_class(cls, given), given)
    values = {key: getattr(settings, key) for key in given}
    mixer: Mixer[State] = cls(d_model=d_model, max_length=max_length, **values)
    return mixer


def _options_class(cls: type, given: Mapping[str, object]) -> type:
    """Describe a constructor's options as a dataclass, for the one loader that checks them."""
    fields = [
        (
            parameter.name,
            _chosen(parameter.name, parameter.annotation, given.get(parameter.name)),
            dataclasses.field(default=parameter.default),
        )
        for parameter in inspect.signature(cls, eval_str=True).parameters.values()
        if parameter.name not in ("d_model", "max_length") and parameter.kind in NAMED
    ]
    return dataclasses.make_dataclass(cls.__name__, fields, frozen=True, kw_only=True)


def _chosen(name: str, annotation: object, value: object) -> object:
    """Narrow an option that takes one of several configurations to the kind that a value names."""
    choices = [part for part in get_args(annotation) if dataclasses.is_dataclass(part)]
    if len(choices) < 2 or value is None:
        return annotation
    kinds = {get_type_hints(choice)["kind"].__args__[0]: choice for choice in choices}
    kind = getattr(value, "kind", None)
    if isinstance(value, Mapping):
        kind = value.get("kind", next(iter(kinds)))
    if kind not in kinds:
        raise ConfigError(
            f'The option "{name}" is {value!r}; it has no known kind. Give a mapping with "kind" one of '
            f"{', '.join(kinds)} and its settings."
        )
    return kinds[kind]
