"""What a scenario is: instances with references, their place in the taxonomy, and how they become prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = [
    "CORRECT",
    "Category",
    "Instance",
    "Method",
    "Official",
    "PromptFormat",
    "Reference",
    "Scenario",
    "SourceFile",
]

CORRECT = "correct"

Method = Literal[
    "generation",
    "multiple_choice_joint",
    "multiple_choice_separate",
    "multiple_choice_separate_calibrated",
    "language_modeling",
    "ranking_binary",
]

# "core", the seven targeted evaluations and the probe of efficiency of arXiv 2211.09110; "own" is all else
Category = Literal[
    "core",
    "language",
    "knowledge",
    "reasoning",
    "copyright",
    "disinformation",
    "bias",
    "toxicity",
    "efficiency",
    "own",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A listed answer of an instance, right or wrong; the tag ``"correct"`` marks a right one."""

    text: str
    tags: tuple[str, ...] = ()

    @property
    def is_correct(self) -> bool:
        """Whether this answer is one of the right ones."""
        return CORRECT in self.tags


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """One input with its references.

    Parameters
    ----------
    id : str
        Unique within the scenario; a perturbed copy keeps the id of its original.
    input : str
        Text the model sees, without instructions or option list; may be empty.
    references : tuple of Reference
    split : {"train", "valid", "test"}
        ``train`` only feeds in-context examples; the other two are evaluated.
    group : str, optional
        Subpopulation, for disparities and worst-group accuracy.
    perturbation : str, optional
        Name of the perturbation that made this copy; None for an original.
    extra : mapping
        Whatever else the source gives (subject, phenomenon, contrast inputs ...).
    """

    id: str
    input: str
    references: tuple[Reference, ...]
    split: Literal["train", "valid", "test"]
    group: str | None = None
    perturbation: str | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def label(self) -> str | None:
        """Text of the first right reference; None when there is none."""
        return next((reference.text for reference in self.references if reference.is_correct), None)


@dataclass(frozen=True, kw_only=True)
class PromptFormat:
    """How instances become requests: HELM's adaptation (arXiv 2211.09110), its names and defaults.

    Parameters
    ----------
    method : str
        Name of the prompting method, see ``longwave list prompting``.
    instructions : str
        Written first; a line end is added where it is missing. ``{key}`` stands for the value of that key of
        ``Instance.extra``, so that a task that is one of many brings its own text.
    input_prefix, input_suffix : str
        Around the input of an instance.
    reference_prefix : str
        Before an option, where options are shown as letters; its ``A`` stands for the option's letter.
    reference_suffix : str
        After an option, where options are shown as letters.
    output_prefix : str
        Before the answer; for the evaluated instance the end of the prompt, blanks after it dropped.
    output_suffix : str
        After the answer of an example.
    instance_prefix : str
        Between instructions, examples and the evaluated instance.
    max_train_instances : int
        In-context examples at most.
    max_tokens : int
        Tokens of an answer at most.
    temperature : float
        0 takes the most likely answer (greedy).
    stop : tuple of str
        An answer ends before the first of these strings.
    n_outputs : int
        Answers per instance; the most likely one counts.
    examples_by : str, optional
        Key of ``Instance.extra``: examples are drawn for each of its values apart. In the instructions its
        value is a name, underscores written as blanks.
    """

    method: Method
    instructions: str = ""
    input_prefix: str = "Input: "
    input_suffix: str = "\n"
    reference_prefix: str = "A. "
    reference_suffix: str = "\n"
    output_prefix: str = "Output: "
    output_suffix: str = "\n"
    instance_prefix: str = "\n"
    max_train_instances: int = 5
    max_tokens: int = 100
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    n_outputs: int = 1
    examples_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file of an official home.

    Parameters
    ----------
    url : str
    name : str
        What the file is called in the cache.
    sha256 : str, optional
        Published checksum; without one that of the first download is kept and later ones must agree.
    """

    url: str
    name: str
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Official:
    """The official home of a scenario's rows.

    Parameters
    ----------
    files : tuple of SourceFile
    parse : callable
        From the folder that holds the files to all instances, in the order of the source.
    notice : str
        Terms that whoever fetches the files should know, shown before they are fetched.
    """

    files: tuple[SourceFile, ...]
    parse: Callable[[Path], list[Instance]]
    notice: str = ""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A use case: instances, the meaning of correct, and the five strings of the taxonomy.

    Parameters
    ----------
    name, version : str, int
        Written together as ``boolq@1``; changing a prompt, a split or a metric means a new version.
    description : str
        One line.
    task, what, who, when, language : str
        Taxonomy of arXiv 2211.09110: task; genre or topic; author demographics; period; language. ``"?"`` is
        unknown, ``"n/a"`` not applicable.
    source, licence : str
        Where the rows come from and under which licence.
    prompt : PromptFormat
    main_metric : str
        Name of the metric that fills the ``score`` column, in the registry of metrics.
    eval_splits : tuple of str
        Splits that are evaluated.
    load : callable
        Returns all instances, in a fixed order: the bundled sample, what a generator makes, or else the rows
        of the official home.
    is_offline : bool
        Whether ``load`` works without the network.
    category : str
        Which evaluation of arXiv 2211.09110 it belongs to, see ``Category``.
    metrics : tuple of str
        Further metrics of single answers, beside the main one and those of its prompting method.
    unmeasured : tuple of str
        Families of metrics that say nothing here, such as calibration of summaries.
    official : Official, optional
        The official home of the rows, and how its files become instances.
    """

    name: str
    version: int
    description: str
    task: str
    what: str
    who: str
    when: str
    language: str
    source: str
    licence: str
    prompt: PromptFormat
    main_metric: str
    eval_splits: tuple[str, ...]
    load: Callable[[], list[Instance]]
    is_offline: bool = True
    category: Category = "own"
    metrics: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    official: Official | None = None

    @property
    def key(self) -> str:
        """Name with version, as it stands in the ``scenario`` column."""
        return f"{self.name}@{self.version}"
