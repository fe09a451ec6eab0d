"""The API page: every public name with its signature and docstring."""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from pathlib import Path

from _docstrings import first_paragraph, inline, markdown

import longwave

WIDTH = 100


def api_page() -> str:
    """Return the page."""
    parts = ["# Python API\n\nEvery public name, by the package it is imported from.\n"]
    for name in _public_modules():
        module = importlib.import_module(name)
        parts.append(f"## {name}\n\n{first_paragraph(module)}\n")
        parts += [f"### `{public}`\n\n{_describe(getattr(module, public))}\n" for public in module.__all__]
    return "\n".join(parts)


def _describe(thing: object) -> str:
    if inspect.isclass(thing):
        return "\n\n".join(
            filter(None, [_signature(thing), markdown(inspect.getdoc(thing) or ""), _methods(thing)])
        )
    if inspect.isroutine(thing):
        return f"{_signature(thing)}\n\n{markdown(inspect.getdoc(thing) or '')}"
    if isinstance(thing, dict):
        return "A mapping with the keys " + ", ".join(f"`{key}`" for key in thing) + "."
    plain = isinstance(thing, str | int | float | tuple)
    return f"The value `{thing!r}`." if plain and len(repr(thing)) < 200 else f"A `{type(thing).__name__}`."


def _signature(thing: type | typing.Callable[..., object]) -> str:
    """Return the signature as a code block; empty where it says nothing."""
    if inspect.isclass(thing) and (issubclass(thing, Exception) or getattr(thing, "_is_protocol", False)):
        return ""
    try:
        signature = inspect.signature(thing)
    except ValueError:  # a class written in C, such as an alias of a built-in
        return ""
    words = [_plain(str(parameter)) for parameter in signature.parameters.values()]
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        words.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    annotation = signature.return_annotation
    result = "" if inspect.isclass(thing) or annotation is signature.empty else f" -> {type_name(annotation)}"
    line = f"{thing.__name__}({', '.join(words)}){result}"
    if len(line) > WIDTH:
        line = f"{thing.__name__}(\n" + "".join(f"    {word},\n" for word in words) + f"){result}"
    return f"```text\n{line}\n```"


def _methods(cls: type) -> str:
    """Return one line for each public method and property a class defines itself."""
    lines = []
    for name, member in vars(cls).items():
        thing = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if name.startswith("_") or not (inspect.isfunction(thing) or isinstance(thing, property)):
            continue
        first = (inspect.getdoc(thing) or "").partition("\n")[0]
        arguments = "" if isinstance(thing, property) else f"({_argument_names(thing)})"
        lines.append(f"* `{name}{arguments}`: {inline(first)}")
    return "\n".join(lines)


def _argument_names(function: typing.Callable[..., object]) -> str:
    return ", ".join(name for name in inspect.signature(function).parameters if name not in ("self", "cls"))


def _plain(text: str) -> str:
    """Take quotes off annotations and addresses off objects, so that a page is the same every time."""
    text = re.sub(r"^(\**\w+): '(.*?)'(?= =|$)", r"\1: \2", text)
    return re.sub(r" at 0x[0-9a-f]+", "", text).replace("<factory>", "...")


def type_name(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _public_modules() -> list[str]:
    """Return the modules users import from: the packages, and the public modules beside them."""
    root = Path(longwave.__file__).parent
    modules = [path.stem for path in root.glob("*.py") if not path.name.startswith("_")]
    packages = [path.parent.name for path in root.glob("*/__init__.py")]
    return ["longwave", *sorted(f"longwave.{name}" for name in modules + packages)]
