"""The text of one step: instruction, demonstrations and the query, all from formats with named places."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from longwave.errors import ConfigError

__all__ = ["PARSES", "Parse", "PromptTemplate", "fill_places", "places_of"]

Parse = Literal["line", "block", "list", "all"]
PARSES: tuple[str, ...] = get_args(Parse)
PLACE = re.compile(
    r"\{([a-z]\w*(?:\.[a-z]\w*)?)\}"
)  # {statement}, or a part of a step's reply: {wh.expected}
BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")


def places_of(text: str) -> tuple[str, ...]:
    """Return the names of the places of a format, each once, in order.

    Examples
    --------
    >>> places_of("{passage} Is it {word}? {passage}")
    ('passage', 'word')
    """
    return tuple(dict.fromkeys(PLACE.findall(text)))


def fill_places(text: str, values: Mapping[str, str]) -> str:
    """Put values into the places of a format; braces inside values stay as they are.

    Raises
    ------
    ConfigError
        If a place has no value.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise ConfigError(
                f'The format "{text}" has the place "{found[1]}", which has no value. Known: '
                f"{', '.join(values)}."
            )
        return values[found[1]]

    return PLACE.sub(value, text)


@dataclass(frozen=True, kw_only=True)
class PromptTemplate:
    r"""How the prompt of one step is written and its reply read.

    Parameters
    ----------
    input, output : str
        Formats with places such as ``{statement}``. The query ends where the output's first place begins.
    instruction : str
        Written first; may have places of the query.
    between : str
        Between input and output.
    separator : str
        Between instruction, demonstrations and query.

    Notes
    -----
    A prompt has white space stripped at both ends, so that it ends in the output's cue without a blank.

    References
    ----------
    arXiv 2210.02441, section 3 and its released code.

    Examples
    --------
    >>> template = PromptTemplate(input="Statement: {statement}", output="Question: {question}")
    >>> template.write({"statement": "It rains."}, [{"statement": "Ice is cold.", "question": "Is it?"}])
    'Statement: Ice is cold.\nQuestion: Is it?\n\nStatement: It rains.\nQuestion:'
    """

    input: str
    output: str
    instruction: str = ""
    between: str = "\n"
    separator: str = "\n\n"

    def __post_init__(self) -> None:
        if not places_of(self.output):
            raise ConfigError(
                f'The output format "{self.output}" has no place for the reply; write one, such as '
                '"Answer: {answer}".'
            )

    @cached_property
    def places(self) -> tuple[str, ...]:
        """Names of the places of a demonstration, those of the input first."""
        return tuple(dict.fromkeys((*places_of(self.input), *places_of(self.output))))

    @cached_property
    def replies(self) -> tuple[str, ...]:
        """Names of what a reply holds; the first one stands for the whole."""
        return places_of(self.output)

    def write(self, values: Mapping[str, str], demonstrations: Sequence[Mapping[str, str]]) -> str:
        """Write the prompt of a query after some demonstrations."""
        instruction = fill_places(self.instruction, values)
        shown = [self.show(demonstration) for demonstration in demonstrations]
        query = fill_places(self.input, values) + self.between + self._cue
        return self.separator.join(part for part in (instruction, *shown, query) if part).strip()

    def show(self, demonstration: Mapping[str, str]) -> str:
        """Write a demonstration: input and output."""
        return fill_places(self.input + self.between + self.output, demonstration)

    def reply(self, demonstration: Mapping[str, str]) -> str:
        """Write what a model replies that follows a demonstration."""
        return " " + fill_places(self.output, demonstration)[len(self._cue) :].strip()

    def read(self, text: str, parse: Parse) -> dict[str, str]:
        """Read a reply: the value of each place of the output, empty where the reply lacks it."""
        text = cut_reply(text, parse)
        first, *rest = self.replies
        if not rest:
            return {first: text}
        found = self._pattern.fullmatch(text)
        if found is None:
            return {first: text.partition("\n")[0].strip(), **dict.fromkeys(rest, "")}
        return {name: found[index].strip() for index, name in enumerate(self.replies, 1)}

    @cached_property
    def _cue(self) -> str:
        start = PLACE.search(self.output)
        return self.output[: start.start()].rstrip() if start else self.output

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """The rest of the output after the cue, with groups in its places; blanks may differ."""
        pieces = PLACE.split(self.output)[2:]  # texts and names in turn, from the first text after a place
        pattern = "(.*?)"
        for index, piece in enumerate(pieces):
            is_name = index % 2 == 1
            pattern += "(.*?)" if is_name else r"\s*" + re.escape(piece.strip()) + r"\s*"
        return re.compile(pattern, re.DOTALL)


def cut_reply(text: str, parse: Parse) -> str:
    r"""Keep the part of a reply that counts.

    ``line``: the first line with text; ``block``: up to the first empty line; ``list``: the lines of that
    block as items, each once; ``all``: everything.

    Examples
    --------
    >>> cut_reply("\n Yes.\nStatement: more", "line")
    'Yes.'
    >>> cut_reply("* a\n2. b\n- a", "list")
    '- a\n- b'
    """
    text = text.strip()
    if parse == "line":
        return text.partition("\n")[0].strip()
    if parse == "all":
        return text
    block = re.split(r"\n\s*\n", text)[0].strip()
    if parse == "block":
        return block
    items = (BULLET.sub("", line).strip() for line in block.split("\n"))
    return "\n".join(f"- {item}" for item in dict.fromkeys(items) if item)
