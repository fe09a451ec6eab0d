"""What two locked-in interpreters run: one that holds code nobody has read, one that tests it.

They talk through two pipes, a line a question or answer. Only plain values travel, as JSON: no class and no
code, so nothing that the answering side does can make a wrong answer equal to a right one. Both get the text
of this module in front of their program; standard library only.
"""

from __future__ import annotations

import builtins
import json
import sys
from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from io import RawIOBase
from itertools import islice
from types import CodeType, ModuleType
from typing import BinaryIO

MAX_ITEMS = 1_000_000  # of an iterator, which may have no end
_SMALL = 1 << 53


def to_json(value: object) -> str:
    """Write a value; a number, text or collection of a class of its own becomes one of its base.

    Raises
    ------
    TypeError
        If it is, or holds, anything but numbers, texts, bytes, ranges and collections.
    """
    return json.dumps(_pack(value))


def from_json(text: str | bytes) -> object:
    """Read what `to_json` wrote; anything else is a ValueError, TypeError or LookupError."""
    return _unpack(json.loads(text))


def serve(code: str, function: str, questions: int, answers: int) -> None:
    """Run code as ``__main__``, then call one of its functions with whatever comes.

    Parameters
    ----------
    code : str
        Not trusted.
    function : str
        A name of the code, or a method of its class ``Solution``.
    questions, answers : int
        Numbers of the pipes.
    """
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    exec(compile(code, "<answer>", "exec", dont_inherit=True), module.__dict__)
    if hasattr(module, function) or not hasattr(module, "Solution"):
        called = getattr(module, function)
    else:
        called = getattr(module.Solution(), function)
    with open(questions, "rb") as source, open(answers, "wb") as sink:
        for line in source:
            sink.write(_answer(called, line).encode() + b"\n")
            sink.flush()


def run_tests(setup: str, tests: str, function: str, questions: int, answers: int) -> None:
    """Run ``check(candidate)`` of the tests, where calling the candidate asks the other interpreter.

    Parameters
    ----------
    setup, tests : str
        Trusted code; the tests define ``check`` and may use what the setup defines. ``function`` is the
        candidate too. A setup that ends in the head of a function gets an empty body.
    function : str
    questions, answers : int
        Numbers of the pipes.

    Raises
    ------
    AssertionError
        Whatever the tests raise.
    EOFError
        If the other interpreter has ended.
    """
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    with open(questions, "wb", buffering=0) as sink, open(answers, "rb") as source:
        candidate = _candidate(sink, source)
        exec(_compiled_setup(setup), module.__dict__)
        setattr(module, function, candidate)
        exec(compile(tests, "<tests>", "exec", dont_inherit=True), module.__dict__)
        module.check(candidate)


def _compiled_setup(setup: str) -> CodeType:
    try:
        return compile(setup, "<setup>", "exec", dont_inherit=True)
    except SyntaxError:
        last = setup.rstrip().rpartition("\n")[2]
        if not last.endswith(":"):
            raise
        body = " " * (len(last) - len(last.lstrip()) + 4) + "pass\n"
        return compile(f"{setup.rstrip()}\n{body}", "<setup>", "exec", dont_inherit=True)


def _candidate(sink: RawIOBase, source: BinaryIO) -> Callable[..., object]:
    def candidate(*args: object, **kwargs: object) -> object:
        try:
            sink.write(to_json((args, kwargs)).encode() + b"\n")
            line = source.readline()
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            raise EOFError("The tested program has ended before it answered.")
        reply = from_json(line)
        if not isinstance(reply, tuple) or len(reply) != 2:
            raise ValueError("The tested program wrote no answer into the pipe of answers.")
        error, value = reply
        if error is None:
            return value
        raise _builtin_error(error)(value)

    return candidate


class _HandedOn:
    """Keep what tested code raises: it belongs to its caller, who sits in the other interpreter."""

    error: BaseException | None = None

    def __enter__(self) -> _HandedOn:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self.error = error
        return isinstance(error, Exception)


def _answer(called: Callable[..., object], line: bytes) -> str:
    question = from_json(line)
    args, kwargs = question if isinstance(question, tuple) else ((), {})
    with _HandedOn() as raised:
        return to_json((None, called(*args, **kwargs)))
    return to_json((type(raised.error).__name__, str(raised.error)[:1000]))


def _builtin_error(name: object) -> type[Exception]:
    found = getattr(builtins, str(name), None)
    return found if isinstance(found, type) and issubclass(found, Exception) else RuntimeError


def _pack(value: object) -> object:
    for kind, packed in _PACKERS:
        if isinstance(value, kind):
            return packed(value)
    for kind, name in _COLLECTIONS:
        if isinstance(value, kind):
            items = value.items() if isinstance(value, dict) else iter(value)  # type: ignore[call-overload]
            return [name, *map(_pack, islice(items, MAX_ITEMS))]
    raise TypeError(f"A {type(value).__name__} cannot be handed over.")


def _unpack(packed: object) -> object:
    if isinstance(packed, dict):
        raise ValueError("A JSON object stands for no value.")
    if not isinstance(packed, list):
        return packed
    name, *parts = packed
    values = [_unpack(part) for part in parts]
    return _BUILDERS[name](values) if name in _BUILDERS else _SCALARS[name](*values)


def _dict(pairs: list[tuple[object, object]]) -> dict[object, object]:
    return {key: value for key, value in pairs}  # noqa: C416  # dict() would take texts of two letters too


# the first kind that fits counts; classes of their own are taken for their base
_PACKERS: tuple[tuple[type, Callable[..., object]], ...] = (
    (type(None), lambda value: value),
    (bool, lambda value: value),
    (str, str.__str__),
    (float, float.__float__),
    (int, lambda value: int(value) if -_SMALL < value < _SMALL else ["int", hex(value)]),
    (complex, lambda value: ["complex", value.real, value.imag]),
    (bytes, lambda value: ["bytes", value.hex()]),
    (bytearray, lambda value: ["bytearray", value.hex()]),
    (Decimal, lambda value: ["Decimal", str(value)]),
    (Fraction, lambda value: ["Fraction", str(value)]),
    (range, lambda value: ["range", *map(_pack, (value.start, value.stop, value.step))]),
)
_SCALARS: dict[str, Callable[..., object]] = {
    "int": lambda digits: int(digits, 16),
    "complex": complex,
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "Decimal": Decimal,
    "Fraction": Fraction,
    "range": range,
}
_COLLECTIONS: tuple[tuple[type, str], ...] = (
    (dict, "dict"),
    (list, "list"),
    (tuple, "tuple"),
    (set, "set"),
    (frozenset, "frozenset"),
    (deque, "deque"),
    (type({}.keys()), "keys"),
    (type({}.values()), "values"),
    (type({}.items()), "items"),
    (Iterator, "iterator"),
)
_BUILDERS: dict[str, Callable[..., object]] = {
    "dict": _dict,
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "deque": deque,
    "keys": lambda items: dict.fromkeys(items).keys(),
    "values": lambda items: dict(enumerate(items)).values(),
    "items": lambda pairs: _dict(pairs).items(),
    "iterator": iter,
}
