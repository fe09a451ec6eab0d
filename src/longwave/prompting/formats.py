"""Write prompts: instructions, examples and the evaluated instance, joined.

The text (sections 3 and J of arXiv 2211.09110) is that of the published code byte for byte;
``tests/golden/prompts`` holds one of each scenario.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from longwave.errors import DataError
from longwave.scenarios.base import Instance, PromptFormat

__all__ = [
    "build_generation_prompt",
    "build_joint_prompt",
    "fill_instructions",
    "option_letters",
    "option_prefix",
]

NO_ANSWER = "n/a"  # shown for an example without a right reference
PLACE = re.compile(r"\{(\w+)\}")  # of a value of the instance, in instructions
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def build_generation_prompt(prompt: PromptFormat, instance: Instance, examples: Sequence[Instance]) -> str:
    """Write the prompt of an instance whose answer the model generates.

    Parameters
    ----------
    prompt : PromptFormat
    instance : Instance
        The evaluated one; its answer is not shown, and white space after the last cue is stripped.
    examples : sequence of Instance
        Shown with the first right reference of each, ``"n/a"`` where there is none.
    """
    blocks = [_question(prompt, example) + _answer(prompt, example.label) for example in examples]
    blocks.append(_question(prompt, instance) + prompt.output_prefix.rstrip())
    return _join(prompt, instance, blocks)


def build_joint_prompt(prompt: PromptFormat, instance: Instance, examples: Sequence[Instance]) -> str:
    """Write the prompt that lists all options as letters, ending where the model writes one.

    Raises
    ------
    DataError
        If an instance has more than 26 options.
    """
    blocks = [
        _question(prompt, example) + _options(prompt, example) + _answer(prompt, _right_letter(example))
        for example in examples
    ]
    blocks.append(_question(prompt, instance) + _options(prompt, instance) + prompt.output_prefix.rstrip())
    return _join(prompt, instance, blocks)


def fill_instructions(prompt: PromptFormat, instance: Instance) -> str:
    """Return the instructions for an instance; ``{key}`` becomes the value of that key of ``Instance.extra``.

    The value of ``examples_by`` is a name, so its underscores are written as blanks; other values stand as
    they are, braces in them too. A key that the instance does not have is left as it is written.

    Examples
    --------
    >>> asked = Instance(id="0", input="", references=(), split="test", extra={"subject": "foreign_policy"})
    >>> fill_instructions(
    ...     PromptFormat(method="generation", instructions="About {subject}.", examples_by="subject"), asked
    ... )
    'About foreign policy.'
    """

    def value(found: re.Match[str]) -> str:
        key = found[1]
        if key == prompt.examples_by:
            return str(instance.extra.get(key, "")).replace("_", " ")
        return str(instance.extra.get(key, found[0]))

    return PLACE.sub(value, prompt.instructions)


def option_letters(instance: Instance) -> str:
    """Return the letters of an instance's options, one character each.

    Raises
    ------
    DataError
        If there are more than 26.
    """
    count = len(instance.references)
    if count > len(ALPHABET):
        raise DataError(
            f'Instance "{instance.id}" has {count} options; a joint multiple choice prompt has letters for '
            f"{len(ALPHABET)}. Use the method multiple_choice_separate for it."
        )
    return ALPHABET[:count]


def option_prefix(prompt: PromptFormat, letter: str) -> str:
    """Write what stands before an option: the format's prefix with its ``A`` replaced."""
    return prompt.reference_prefix.replace("A", letter)


def _question(prompt: PromptFormat, instance: Instance) -> str:
    return prompt.input_prefix + instance.input + prompt.input_suffix


def _answer(prompt: PromptFormat, text: str | None) -> str:
    return prompt.output_prefix + (NO_ANSWER if text is None else text) + prompt.output_suffix


def _options(prompt: PromptFormat, instance: Instance) -> str:
    pairs = zip(option_letters(instance), instance.references, strict=True)
    return "".join(option_prefix(prompt, a) + option.text + prompt.reference_suffix for a, option in pairs)


def _right_letter(instance: Instance) -> str | None:
    pairs = zip(option_letters(instance), instance.references, strict=True)
    return next((letter for letter, option in pairs if option.is_correct), None)


def _join(prompt: PromptFormat, instance: Instance, blocks: Sequence[str]) -> str:
    instructions = fill_instructions(prompt, instance)
    if instructions and not instructions.endswith("\n"):
        instructions += "\n"
    return prompt.instance_prefix.join(block for block in [instructions, *blocks] if block)
