"""Draw the pictures of docs/assets/ that are made from the program.

Run ``python docs/build_figures.py`` after a change; needs the extra "torch". With ``--out FOLDER`` they go
elsewhere. Writes ``s4nd_kernels.svg``, kernels of an S4ND layer on three grids without and with a bandlimit,
and the charts of ``_figures.py``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from _figures import FIGURES

from longwave.mixers import S4ND
from longwave.report.image_cases import Kernels
from longwave.report.image_pictures import draw_kernels

ASSETS = Path(__file__).parent / "assets"
GRIDS = ((7, 4.0), (14, 2.0), (28, 1.0))  # points a side, rate
BANDLIMITS = (None, 0.25)
N_KERNELS = 3
SEED = 3  # of six, the layer whose kernels fill the picture best
TILE, GAP, GROUP = 100, 6, 24  # pixels: a picture, between those of a kernel, between kernels
LEFT, TOP, BLOCK = 16, 30, 156
HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" \
aria-labelledby="title description"
     font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif">
  <title id="title">Kernels of S4ND on three grids</title>
  <desc id="description">Three kernels of one layer that has not learned yet, each on grids of 7, 14 and 28
    points a side. Without a bandlimit the finer grids show stripes that the coarse one cannot; with
    a bandlimit of 0.25, all that the coarse grid can show, every grid samples the same function.</desc>
  <!-- text is mid-grey: it reads on white and on black alike -->
  <style>
    image {{ image-rendering: pixelated }}
    .label {{ fill: #7d8590; font-size: 14px; font-weight: 600; letter-spacing: .04em }}
    .note {{ fill: #7d8590; font-size: 13px; text-anchor: middle }}
  </style>
"""


def main() -> None:
    """Draw every figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ASSETS)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, draw in {"s4nd_kernels": kernel_figure, **FIGURES}.items():
        (out / f"{name}.svg").write_text(draw(), "utf-8")


def kernel_figure() -> str:
    """Draw kernels without and with a bandlimit below each other, grids side by side."""
    group = len(GRIDS) * TILE + (len(GRIDS) - 1) * GAP
    width = 2 * LEFT + N_KERNELS * group + (N_KERNELS - 1) * GROUP
    lines = [HEAD.format(width=width, height=TOP + len(BANDLIMITS) * BLOCK)]
    for block, bandlimit in enumerate(BANDLIMITS):
        top = TOP + block * BLOCK
        told = "NO BANDLIMIT" if bandlimit is None else f"BANDLIMIT {bandlimit:g}"
        lines.append(f'  <text class="label" x="{LEFT}" y="{top - 8}">{told}</text>\n')
        layer = draw_kernels(sampled(bandlimit), most=N_KERNELS)
        for place, strip in enumerate(layer.strips):
            for column, tile in enumerate(strip.tiles):
                x = LEFT + place * (group + GROUP) + column * (TILE + GAP)
                lines += [
                    f'  <image x="{x}" y="{top}" width="{TILE}" height="{TILE}" href="{tile.src}"/>\n',
                    f'  <text class="note" x="{x + TILE // 2}" y="{top + TILE + 17}">{tile.title}</text>\n',
                ]
    return "".join([*lines, "</svg>\n"])


def sampled(bandlimit: float | None) -> list[tuple[str, Kernels]]:
    """Sample the kernels of one layer, in float64, so that every machine draws the same."""
    torch.manual_seed(SEED)
    layer = S4ND(N_KERNELS, dim=2, bandlimit=bandlimit, out=None).double().eval()
    found = []
    for points, rate in GRIDS:
        with torch.no_grad():
            values = layer.kernel((points, points), rate).numpy()
        limits = (bandlimit, bandlimit)
        kernels = Kernels(layer="S4ND", values=values, rate=(rate, rate), bandlimit=limits)
        found.append((f"{points} × {points}", kernels))
    return found


if __name__ == "__main__":
    main()
