"""Find listed words and phrases in one pass: a pattern that branches by letter, not one branch a phrase."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["ALONE_AFTER", "ALONE_BEFORE", "any_of", "spelled"]

_Tree = dict[str, "_Tree"]

# a border is looked at and not consumed: it may be the text's own, and two words may share it
_BEFORE, _AFTER = r"(?<!\w)(?<!\w['’])", r"(?!\w|['’][tT]\b)"
ALONE_BEFORE, ALONE_AFTER = r"(?<!\w)(?<!\w['’-])", r"(?!\w|-\w|['’][tT]\b)"  # no part of a compound either


def any_of(phrases: Iterable[str], *, before: str = _BEFORE, after: str = _AFTER) -> re.Pattern[str]:
    """Compile a pattern that matches any of the phrases as whole words, in any case, the longest first.

    Parameters
    ----------
    phrases : iterable of str
        Words, or words with single blanks between; ``'`` stands for both apostrophes.
    before, after : str
        What must hold at the two ends. By default no letter, digit or underscore touches the phrase. A clitic
        may follow ("he" in "he's", "John" in "John's"), except ``'t``: "can" is not found in "can't".

    Notes
    -----
    Letters match in two cases and nothing else, unlike Python's option to ignore case, for which the Kelvin
    sign is a k. A trie makes the search independent of the number of phrases.
    """
    tree: _Tree = {}
    for phrase in phrases:
        node = tree
        for sign in phrase:
            lower = sign.lower()
            node = node.setdefault(lower if len(lower) == 1 else sign, {})
        node[""] = {}
    return re.compile(f"{before}{_branches(tree)}{after}" if tree else r"(?!)")


def spelled(found: str) -> str:
    """Return what was found as lists spell it: lower case, straight apostrophes."""
    return found.lower().replace("’", "'")


def _branches(tree: _Tree) -> str:
    found = [_sign(sign) + _branches(below) for sign, below in sorted(tree.items()) if sign]
    if not found:
        return ""
    if len(found) == 1 and "" not in tree:
        return found[0]
    return f"(?:{'|'.join(found)})" + ("?" if "" in tree else "")


def _sign(sign: str) -> str:
    if sign == "'":
        return "['’]"
    upper = sign.upper()
    is_pair = upper != sign and len(upper) == 1 and upper.lower() == sign
    return f"[{sign}{upper}]" if is_pair else re.escape(sign)
