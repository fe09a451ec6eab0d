"""Tables as LaTeX with booktabs; names are escaped, so that nothing in them is read as a command."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["escape", "tabular"]

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # after the end of a row it would begin an option
    "]": "{]}",
    "*": "{*}",  # likewise
    **{sign: f"\\{sign}" for sign in "&%$#_"},
}
_HIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def escape(text: str) -> str:
    r"""Return text that LaTeX prints as it is; control characters and line ends become blanks.

    Examples
    --------
    >>> print(escape("boolq@1 & 50% of C_1"))
    boolq@1 \& 50\% of C\_1
    """
    return "".join(_SPECIAL.get(sign, sign) for sign in _HIDDEN.sub(" ", text))


def tabular(heads: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str, n_names: int = 1) -> str:
    """Return a table.

    Parameters
    ----------
    heads : sequence of str
        Plain text.
    rows : sequence of sequence of str
        Cells; those of the first ``n_names`` columns are plain text, the rest LaTeX.
    caption : str
        Plain text.
    n_names : int
        Columns of names, aligned to the left.
    """
    columns = "l" * n_names + "r" * (len(heads) - n_names)
    lines = [
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{escape(caption)}}}",
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        " & ".join(map(escape, heads)) + r" \\",
        "\\midrule",
    ]
    lines += [" & ".join([*map(escape, row[:n_names]), *row[n_names:]]) + r" \\" for row in rows]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", "\\end{table}", ""])
