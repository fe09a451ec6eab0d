"""What the two summarisation scenarios of arXiv 2211.09110 share: their prompt and how documents are cut.

Upstream's words are counted at white space, and the bounds on training documents (50 to 150 words) are on the
document, not on its summary: short ones, so that five examples fit into a prompt.
"""

from __future__ import annotations

from longwave.scenarios.base import PromptFormat

__all__ = ["cut_words", "is_short_document", "summary_prompt"]

MAX_WORDS = 512  # of a document
EXAMPLE_WORDS = (50, 150)  # of a document that may be an example


def summary_prompt(n_sentences: int, *, max_tokens: int) -> PromptFormat:
    """Write the prompt of a summary of so many sentences; its instruction follows the document."""
    amount = "1 sentence" if n_sentences == 1 else f"{n_sentences} sentences"
    return PromptFormat(
        method="generation",
        input_prefix="###\nArticle: ",
        input_suffix="\n\n",
        output_prefix=f"Summarize the above article in {amount}.\n",
        max_tokens=max_tokens,
        temperature=0.3,
        stop=("###",),
    )


def cut_words(text: str, limit: int | None = MAX_WORDS) -> str:
    r"""Keep the first words of a text, joined by single blanks; None keeps all.

    Examples
    --------
    >>> cut_words("One  two\nthree", limit=2)
    'One two'
    """
    return " ".join(text.split()[:limit])


def is_short_document(document: str) -> bool:
    """Whether a document is of the length that examples have."""
    low, high = EXAMPLE_WORDS
    return low <= len(document.split()) <= high
