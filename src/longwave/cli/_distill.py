"""``longwave distill``: give a trained Hyena model a recurrent form."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from longwave.cli._output import Output

if TYPE_CHECKING:
    from longwave.generation import FilterReport


def distill(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A trained Hyena model: its folder, or checkpoint:FOLDER.")],
    out: Annotated[Path, typer.Option(help="Folder of the distilled model.")],
    order: Annotated[int | None, typer.Option(help="Modes a filter; else by tolerance.", min=1)] = None,
    tolerance: Annotated[float, typer.Option(help="Hankel singular values to leave out, relative.")] = 1e-2,
    max_order: Annotated[int, typer.Option(help="Modes the tolerance may ask for.", min=1)] = 64,
    steps: Annotated[int, typer.Option(help="Of the optimiser, a layer.", min=0)] = 200,
    text: Annotated[
        Path | None, typer.Option(help="Held-out text to compare on; a bundled one when left out.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(help="Tokens of it to read.", min=2)] = 20_000,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 ... or auto.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Approximate a model's long filters, so that it generates from a small state. Tells what that costs."""
    import torch

    from longwave.generation import distill as distill_model
    from longwave.generation import perplexity
    from longwave.samples import sample_path
    from longwave.training import load_trained, pick_device

    output: Output = context.obj
    held_out = read_text(text or sample_path("books/test.txt"))
    trained, tokenizer = load_trained(Path(model.removeprefix("checkpoint:")), device=pick_device(device))
    with output.bar("distil") as update:
        distilled, report = distill_model(
            trained, order=order, tolerance=tolerance, max_order=max_order, steps=steps, progress=update
        )
    ids = torch.tensor(tokenizer.encode(held_out)[:max_tokens])
    before, after = (perplexity(one, ids) for one in (trained, distilled))
    distilled.save_pretrained(out)
    tokenizer.save(out)
    if as_json:
        record = dataclasses.asdict(report)
        output.result_json({"out": str(out), "perplexity": {"before": before, "after": after}, **record})
        return
    columns = ["layer", "filters", "modes, mean", "modes, most", "l1 error", "l2 error", "Hankel tail"]
    output.result_table(columns, describe_layers(report.filters))
    output.result(f"{out}: {report.order} modes a filter; perplexity {before:.4g} before, {after:.4g} after")


def describe_layers(filters: Sequence[FilterReport]) -> list[list[str]]:
    """Sum a layer up in a row; errors are shares of the filter's own norm, the worst of the layer."""
    rows = []
    for layer, group in itertools.groupby(filters, key=lambda row: row.layer):
        found = list(group)
        orders = [row.order for row in found]
        worst = [max(getattr(row, name) for row in found) for name in ("l1_share", "l2_share", "hankel_tail")]
        counts = [str(layer), str(len(found)), f"{sum(orders) / len(orders):.3g}", str(max(orders))]
        rows.append([*counts, *(f"{value:.3g}" for value in worst)])
    return rows


def read_text(path: Path) -> str:
    """Read the held-out text."""
    from longwave.errors import DataError, MissingFile

    if not path.is_file():
        raise MissingFile(f'No text file "{path}". Give a file of held-out text.')
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f'"{path}" is not UTF-8 text (byte {error.start}). Convert it to UTF-8.') from error
