"""Text from models and data sets, made safe and readable on a page.

Everything a model wrote is hostile until shown otherwise. Escaping of markup is left to the templates; what
is done here is what escaping does not do: control characters, overrides of the reading direction and
zero-width characters become visible, so that a page shows what the text is and not what it wants to look
like.
"""

from __future__ import annotations

import json
import re
import unicodedata

from markupsafe import Markup, escape

__all__ = ["LONGEST_TEXT", "embed_json", "markup", "plain"]

LONGEST_TEXT = 20_000  # characters of one text on a page; the tables keep the whole

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 without tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction marks, embeddings, overrides, isolates
    "\u00ad\u200b\u2060-\u2064\ufeff\ufff9-\ufffb"  # soft hyphen, zero width, operators, annotations
    "\u2028\u2029"  # separators that end a line in JavaScript
    "\ud800-\udfff\U000e0000-\U000e007f"  # lone surrogates, tags
    "]"
)


def plain(text: str, limit: int = 200) -> str:
    """Return text on one line, hidden characters spelled out, cut to ``limit``; for attributes."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return _HIDDEN.sub(lambda found: f"⟨{_code(found[0])}⟩", cut.replace("\n", "⏎").replace("\t", " "))


def markup(text: str, limit: int = LONGEST_TEXT) -> Markup:
    """Return escaped HTML of a text, hidden characters marked, cut with a note where it is too long.

    Examples
    --------
    >>> print(markup("a<b"))
    a&lt;b
    """
    shown = text[:limit]
    if len(text) <= limit and _HIDDEN.search(text) is None:  # nearly all of them
        return escape(text)
    pieces: list[str] = []
    end = 0
    for found in _HIDDEN.finditer(shown):
        pieces += [str(escape(shown[end : found.start()])), _mark(found[0])]
        end = found.end()
    pieces.append(str(escape(shown[end:])))
    if len(text) > limit:
        pieces.append(
            f'<span class="note"> … {len(text) - limit:,} more characters; '
            "the tables hold the whole text.</span>"
        )
    return Markup("".join(pieces))  # every piece above is escaped or written here


def embed_json(value: object) -> Markup:
    r"""Return JSON that cannot leave the ``<script>`` element it stands in, nor be read as anything else.

    Examples
    --------
    >>> print(embed_json("</script>"))
    "\u003c/script\u003e"
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # half a character cannot be written as UTF-8, but escaped it is valid JSON
    return Markup(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _mark(character: str) -> str:
    name = unicodedata.name(character, "control character").lower()
    return f'<span class="hidden-char" title="{name}">{_code(character)}</span>'


def _code(character: str) -> str:
    if ord(character) < 0x20:
        return chr(0x2400 + ord(character))
    return "␡" if character == "\x7f" else f"U+{ord(character):04X}"
