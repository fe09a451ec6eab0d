"""Draw small charts as SVG text: lines, bars and grids of cells, in mid-grey and four colours, by hand.

Coordinates are rounded to a tenth, so that machines whose sums differ in the last digit draw the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

BLUE, ORANGE, GREEN, GREY = "#0b7fc2", "#d9730d", "#1f9d72", "#7d8590"  # readable on white and on black
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" \
aria-labelledby="title description"
     font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif">
  <title id="title">{title}</title>
  <desc id="description">{description}</desc>
  <!-- text is mid-grey: it reads on white and on black alike -->
  <style>
    text {{ fill: #7d8590; font-size: 13px }}
    .label {{ font-size: 14px; font-weight: 600; letter-spacing: .04em }}
    .end {{ text-anchor: end }} .middle {{ text-anchor: middle }}
    .axis {{ stroke: #7d8590; stroke-opacity: .5; fill: none }}
    .line {{ fill: none; stroke-width: 1.8; stroke-linejoin: round }}
  </style>
"""
Line = tuple[str, str, Sequence[float]]  # name, colour, values at equal steps


def picture(title: str, description: str, width: int, height: int, parts: Sequence[str]) -> str:
    """Put parts into one picture with a title and a description for those who do not see it."""
    head = HEAD.format(width=width, height=height, title=escape(title), description=escape(description))
    return head + "".join(parts) + "</svg>\n"


def text(x: float, y: float, words: str, kind: str = "", colour: str = "") -> str:
    """Write words; ``kind`` is one or several of label, end, middle."""
    style = f' style="fill: {colour}"' if colour else ""
    return f'  <text class="{kind}" x="{x:g}" y="{y:g}"{style}>{escape(words)}</text>\n'


def lines(
    box: tuple[float, float, float, float],
    drawn: Sequence[Line],
    *,
    low: float,
    high: float,
    title: str,
    across: tuple[str, str],
    names_at: int = 0,
) -> str:
    """Draw values at equal steps as lines into a box of left, top, width and height.

    ``across`` names the two ends of the horizontal axis. Names stand in a row under the title, in the colour
    of their line, from ``names_at`` pixels on.
    """
    left, top, width, height = box
    parts = [text(left, top - 26, title, "label")]
    x = left + names_at
    for name, colour, values in drawn:
        places = [
            (left + width * i / (len(values) - 1), top + height * (high - value) / (high - low))
            for i, value in enumerate(values)
        ]
        points = " ".join(f"{each:.1f},{place:.1f}" for each, place in places)
        parts.append(f'  <polyline class="line" stroke="{colour}" points="{points}"/>\n')
        if name:
            parts.append(text(x, top - 8, name, colour=colour))
            x += 7.4 * len(name) + 16
    zero = top + height * (high - max(low, min(0.0, high))) / (high - low)
    parts.append(
        f'  <path class="axis" d="M{left:g} {top:g}V{top + height:g}M{left:g} {zero:.1f}h{width:g}"/>\n'
    )
    for value, y in ((high, top + 4), (low, top + height + 4)):
        parts.append(text(left - 6, y, f"{value:g}", "end"))
    parts.append(text(left, top + height + 20, across[0]))
    parts.append(text(left + width, top + height + 20, across[1], "end"))
    return "".join(parts)


def bars(
    left: float,
    top: float,
    width: float,
    rows: Sequence[tuple[str, float, str]],
    *,
    full: float,
    unit: str = "",
) -> str:
    """Draw a horizontal bar a row: name, value, colour; ``full`` is the value of the whole width."""
    parts = []
    for place, (name, value, colour) in enumerate(rows):
        y = top + 24 * place
        length = width * value / full
        parts.append(text(left - 8, y + 13, name, "end"))
        parts.append(f'  <rect x="{left:g}" y="{y:g}" width="{length:.1f}" height="17" fill="{colour}"/>\n')
        parts.append(text(left + length + 6, y + 13, f"{value:.4g}{unit}"))
    return "".join(parts)
