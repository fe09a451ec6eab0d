"""``longwave serve``: a trained model behind an HTTP interface like OpenAI's."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from longwave.cli._output import Output

MOST_CHOICES = 128
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A trained model: its folder, or checkpoint:FOLDER.")],
    host: Annotated[
        str, typer.Option(help="Address to listen at; 127.0.0.1 is reached from this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8000,
    name: Annotated[str | None, typer.Option(help="What clients call the model; its folder's name.")] = None,
    max_batch: Annotated[int, typer.Option(help="Completions written at a time.", min=1)] = 16,
    max_waiting: Annotated[int, typer.Option(help="Completions that may wait; more get 503.", min=0)] = 256,
    max_length: Annotated[
        int | None, typer.Option(help="Longest prompt with its completion, in tokens; bounds memory.", min=2)
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for one request, waiting included.")] = 600.0,
    grace: Annotated[
        float, typer.Option(help="Seconds for running requests after Ctrl-C or SIGTERM.", min=0.0)
    ] = 30.0,
    api_key_env: Annotated[
        str | None, typer.Option(help="Environment variable with the key that requests have to name.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 ... or auto.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as JSON.")] = False,
) -> None:
    """Serve a trained model over HTTP in OpenAI's dialect, until Ctrl-C."""
    from longwave.serving import Engine, EngineConfig, ServerConfig, build_app, run_server
    from longwave.training import load_trained, pick_device

    output: Output = context.obj
    api_key = None if api_key_env is None else read_key(api_key_env)
    place = pick_device(device)
    folder = Path(model.removeprefix("checkpoint:"))
    config = ServerConfig(
        name=name or name_of(folder),
        max_choices=min(MOST_CHOICES, max_batch + max_waiting),
        timeout_s=timeout,
        grace_s=grace,
    )
    language_model, tokenizer = load_trained(folder, device=place)
    if not output.is_quiet:
        logging.getLogger("longwave.serving").setLevel(logging.INFO)  # a line a request
    if host not in LOOPBACK and api_key is None:
        output.say(
            f"Warning: anybody who reaches {host} can use this model. Name a key with --api-key-env, and put "
            "a proxy with TLS before it."
        )

    def say_start(url: str) -> None:
        if as_json:
            output.result_json({"url": f"{url}/v1", "model": config.name})
        else:
            output.result(f'Serving "{config.name}" at {url}/v1')
        output.say("Ctrl-C ends it.")

    sizes = EngineConfig(max_batch=max_batch, max_waiting=max_waiting, max_length=max_length)
    with Engine(language_model, sizes) as engine:
        run_server(
            build_app(engine, tokenizer, config, api_key=api_key), host=host, port=port, on_start=say_start
        )
    output.say("Stopped.")


def read_key(variable: str) -> str:
    """Return the key that a variable of the environment holds."""
    from longwave.errors import ConfigError

    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError(
            f'The environment variable "{variable}" is not set or empty; it has to hold the key. '
            f"Set it with: export {variable}=..."
        )
    return key


def name_of(folder: Path) -> str:
    """Return what a model is called after its folder: the run's name."""
    place = folder.resolve()
    return place.parent.name if place.name == "model" else place.name
