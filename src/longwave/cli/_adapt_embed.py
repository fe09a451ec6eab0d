"""``longwave adapt embed``: make embeddings of texts or images with a frozen encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longwave.cli._adapt_data import Json
from longwave.cli._output import Output


def embed(
    context: typer.Context,
    source: Annotated[
        Path, typer.Argument(help="txt (a text a line), csv, tsv or parquet, or a folder of images.")
    ],
    encoder: Annotated[
        str, typer.Option(help="hf:NAME, sentence-transformers:NAME or open_clip:MODEL@PRETRAINED.")
    ],
    out: Annotated[Path, typer.Option(help="The npz file.")],
    column: Annotated[
        list[str] | None,
        typer.Option(help="Other names of columns, e.g. text=sentence; also label, split, group, image."),
    ] = None,
    template: Annotated[
        list[str] | None, typer.Option(help='Prompt of a class, with {} for its name; default "{}".')
    ] = None,
    class_text: Annotated[
        list[str] | None, typer.Option("--class", help="What a label means: LABEL=TEXT; repeatable.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="Take the prompts of this layout, e.g. waterbirds; see adapt list.")
    ] = None,
    prompts: Annotated[
        bool, typer.Option(help="Also embed the prompts of the classes, by the same encoder.")
    ] = True,
    batch_size: Annotated[int, typer.Option(help="Texts or images at a time.", min=1)] = 64,
    device: Annotated[str, typer.Option(help="cpu, cuda, ...")] = "cpu",
    as_json: Json = False,
) -> None:
    """Embed texts or images, and the prompts of their classes; the file is what --data takes.

    Labels and splits come from columns of the table, or from folders SPLIT/LABEL/. Without labels the file
    has embeddings alone.
    """
    from longwave.adapters import encoders
    from longwave.adapters.inputs import read_inputs, write_embeddings
    from longwave.adapters.wilds import get_layout

    output: Output = context.obj
    inputs = read_inputs(source, columns=_pairs(column, "--column", "text=sentence"))
    meanings = _pairs(class_text, "--class", "1=toxic")
    templates = template or list(get_layout(layout).templates if layout else ("{}",))
    opened = encoders.open_encoder(encoder, device=device)
    with output.bar("embedding") as update:
        x = encoders.embed(opened, inputs.items, batch_size=batch_size, tell=update)
    q = None
    names = [meanings.get(label, label) for label in inputs.classes]
    if names and prompts:
        q = encoders.embed_classes(opened, names, templates=templates, batch_size=batch_size)
    write_embeddings(out, x, inputs, class_embeddings=q)
    if as_json:
        told = {"out": str(out), "embeddings": len(x), "width": x.shape[1], "classes": names}
        output.result_json({**told, "prompts": templates if q is not None else []})
        return
    classes = f", {len(names)} classes" if names else ", no labels"
    output.result(f"{out}: {len(x):,} embeddings of width {x.shape[1]}{classes}")
    if inputs.label is not None and inputs.split is not None:
        output.say(f"Next: longwave adapt compare --data {out} --out runs/adapt")


def _pairs(given: list[str] | None, option: str, example: str) -> dict[str, str]:
    """Read NAME=VALUE."""
    found = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not (name and equals and value):
            raise typer.BadParameter(f'{option} "{one}" is no pair; write for example {option} {example}.')
        found[name] = value
    return found
