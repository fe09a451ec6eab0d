"""``longwave generate``: stream text from a trained model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from longwave.cli._output import Output, visible

if TYPE_CHECKING:
    from longwave.generation import Progress


def generate(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A trained model: its folder, or checkpoint:FOLDER.")],
    prompt: Annotated[str, typer.Option(help='Text to continue; "-" reads it from stdin.')] = "",
    max_new_tokens: Annotated[int, typer.Option(help="Longest completion, in tokens.", min=1)] = 200,
    temperature: Annotated[float, typer.Option(help="0 is greedy.", min=0.0)] = 0.8,
    top_k: Annotated[int | None, typer.Option(help="Keep the k most likely tokens.", min=1)] = None,
    top_p: Annotated[float | None, typer.Option(help="Keep the smallest set of this probability.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="End before this text; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sampling.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 ... or auto.")] = "cpu",
    mode: Annotated[
        str, typer.Option(help="auto, recurrent, lazy, epoched or relaxed; the text is the same.")
    ] = "auto",
    prefill_chunk: Annotated[
        int | None, typer.Option(help="Prompt tokens read at a time; bounds memory.", min=1)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Continue a text with a trained model."""
    from longwave.generation import DecodingConfig, SamplingConfig, stream_text
    from longwave.training import load_trained, pick_device

    output: Output = context.obj
    text = read_prompt() if prompt == "-" else prompt
    place = pick_device(device)
    language_model, tokenizer = load_trained(Path(model.removeprefix("checkpoint:")), device=place)
    sampling = SamplingConfig(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
    pieces = stream_text(
        language_model,
        tokenizer,
        text,
        max_new_tokens=max_new_tokens,
        sampling=sampling,
        stop=tuple(stop or ()),
        decoding=DecodingConfig(mode=mode, prefill_chunk=prefill_chunk),
        progress=say_progress(output),
    )
    if as_json:
        output.result_json({"prompt": text, "completion": "".join(pieces), "seed": seed})
        return
    show = visible if sys.stdout.isatty() else str  # a pipe gets the bytes as they are
    sys.stdout.write(show(text))
    for piece in pieces:
        sys.stdout.write(show(piece))
        sys.stdout.flush()
    sys.stdout.write("\n")


def say_progress(output: Output) -> Progress:
    """Return what tells how much of a long prompt was read; at the end of it the text begins."""

    def say(done: int, total: int) -> None:
        if done < total:
            output.say(f"prompt {done}/{total} tokens")

    return say


def read_prompt() -> str:
    """Read the prompt from stdin."""
    from longwave.errors import DataError

    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise DataError(
            f"The prompt on stdin is not UTF-8 text (byte {error.start}). Convert it to UTF-8."
        ) from error
