"""Ask a server of ``longwave serve`` with OpenAI's client: stream, score, chat, many at once (5 s).

Start one before (``longwave serve runs/my-model``); ``--tiny`` starts one here, with an untrained model.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

from openai import OpenAI

from longwave.data import ByteTokenizer
from longwave.models import LanguageModel, LanguageModelConfig
from longwave.serving import Engine, ServerConfig, build_app, running_server


@contextmanager
def untrained() -> Iterator[str]:
    """Serve an untrained model and yield the address."""
    model = LanguageModel(LanguageModelConfig(vocab_size=257, d_model=32, n_layers=2, max_length=512))
    config = ServerConfig(name="untrained")
    with Engine(model) as engine, running_server(build_app(engine, ByteTokenizer(), config)) as url:
        yield f"{url}/v1"


def ask(client: OpenAI, model: str, prompt: str, n_requests: int) -> dict[str, object]:
    """Ask in four ways and return what was found."""
    text = prompt
    print(prompt, end="")
    for event in client.completions.create(model=model, prompt=prompt, max_tokens=40, stream=True, seed=0):
        text += event.choices[0].text
        print(event.choices[0].text, end="", flush=True)
    print()

    scores = {}
    for end in (" night.", " nihgt."):  # the log-probability of given texts: echoed, with nothing after them
        asked = {"prompt": prompt + end, "max_tokens": 0, "echo": True, "logprobs": 0}
        told = client.completions.create(model=model, **asked).choices[0].logprobs
        pairs = zip(told.text_offset, told.token_logprobs, strict=True)
        scores[end] = sum(value for offset, value in pairs if offset >= len(prompt))
        print(f"{prompt}{end}  log-probability {scores[end]:.2f}")

    messages = [{"role": "user", "content": "Say a word."}]
    answer = client.chat.completions.create(model=model, messages=messages, max_tokens=20, seed=0)
    print(f"Chat: {answer.choices[0].message.content!r} ({answer.usage.total_tokens} tokens)")

    start = time.perf_counter()
    with ThreadPoolExecutor(n_requests) as pool:
        write = partial(client.completions.create, model=model, prompt=prompt, max_tokens=40)
        answers = pool.map(lambda seed: write(seed=seed), range(n_requests))
        n_tokens = sum(answer.usage.completion_tokens for answer in answers)
    rate = n_tokens / (time.perf_counter() - start)
    print(f"{n_requests} requests at once: {rate:.0f} tokens/s")
    return {"text": text, "scores": scores, "chat": answer.choices[0].message.content, "tokens_per_s": rate}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000/v1")
    parser.add_argument("--out", type=Path, default=Path("runs/serve"))
    parser.add_argument("--tiny", action="store_true", help="start a server here")
    options = parser.parse_args()
    server = untrained() if options.tiny else nullcontext(options.url)
    with server as url, OpenAI(base_url=url, api_key="none") as client:
        model = client.models.list().data[0].id
        found = ask(client, model, "It was a dark", 4 if options.tiny else 32)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "answers.json").write_text(json.dumps(found, indent=2), "utf-8")


if __name__ == "__main__":
    main()
