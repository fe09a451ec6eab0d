"""The one style of every chart: a fixed palette for models, light and dark settings for everything else."""

from __future__ import annotations

__all__ = ["DARK", "FLOOR_PREFIX", "LIGHT", "PALETTE_DARK", "PALETTE_LIGHT", "SHAPES", "theme"]

FLOOR_PREFIX = "floor:"

# Eight colours that stay apart for protan, deutan and tritan readers and have contrast 3:1 against the page;
# a model keeps its place in the palette on every page, and a shape of its own besides.
PALETTE_LIGHT = ("#0072b2", "#d55e00", "#07a05a", "#883e6c", "#5c4d18", "#461490", "#af8b92", "#5e0024")
PALETTE_DARK = ("#5aa9e6", "#f28e2b", "#52dba8", "#b394a6", "#f0e884", "#8d74ff", "#c3e4f5", "#b0774a")
SHAPES = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
    "triangle-down",
    "triangle-left",
    "triangle-right",
)

LIGHT = {"ink": "#1c1f23", "soft": "#5a626c", "line": "#c9ced6", "grid": "#e8eaee", "page": "#ffffff"}
DARK = {"ink": "#e7e9ec", "soft": "#a3abb6", "line": "#4a525d", "grid": "#2a3038", "page": "#14171b"}

_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


def theme(*, dark: bool = False) -> dict[str, object]:
    """Return the Vega-Lite configuration of a figure for a light or a dark page."""
    tone = DARK if dark else LIGHT
    axis = {
        "labelColor": tone["soft"],
        "titleColor": tone["ink"],
        "domainColor": tone["line"],
        "tickColor": tone["line"],
        "gridColor": tone["grid"],
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelLimit": 150,
        "labelFlush": False,
        "labelSeparation": 8,
    }
    return {
        "background": "transparent",
        "font": _FONT,
        "axis": axis,
        "axisY": {"domain": False, "ticks": False, "labelPadding": 6},
        "legend": {
            "orient": "top",
            "title": None,
            "labelColor": tone["ink"],
            "labelFontSize": 12,
            "labelLimit": 300,
            "symbolSize": 70,
            "symbolOpacity": 1,
            "symbolBaseFillColor": tone["soft"],
            "symbolBaseStrokeColor": tone["soft"],
            "columns": 2,
            "offset": 10,
        },
        "range": {"category": list(PALETTE_DARK if dark else PALETTE_LIGHT), "symbol": list(SHAPES)},
        "view": {"stroke": None},
        "point": {"filled": True, "size": 60},
        "rule": {"color": tone["soft"]},
        "text": {"color": tone["soft"], "fontSize": 11},
        "tick": {"color": tone["soft"]},
    }
