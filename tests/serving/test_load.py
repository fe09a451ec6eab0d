"""Many small requests at once, some given up: no answer is lost, none is another's, and memory stays."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from collections import deque
from pathlib import Path

import pytest

from longwave.data import ByteTokenizer
from longwave.serving import ServerConfig, build_app, running_server

CLIENTS = 48
PAGES_OF = Path("/proc/self/statm")
MOST_GROWTH_PAGES = 5000  # 20 MB


class Crowd:
    """Clients that ask at the same time, and what they found."""

    def __init__(self, fake, url: str, rng: random.Random) -> None:
        self.fake, self.port, self.rng = fake, int(url.rpartition(":")[2]), rng
        self.n_right = self.n_left = self.n_sent_away = 0
        self.wrong: list[object] = []

    async def ask_all(self, numbers: range) -> None:
        """Ask once for every number."""
        left = iter(numbers)

        async def take_turns() -> None:
            for number in left:
                await (self.leave if self.rng.random() < 0.1 else self.check)(number)

        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(take_turns())

    async def leave(self, number: int) -> None:
        """Ask, and close the connection at once or after the first piece."""
        reader, writer = await self.send({**self.body(number), "max_tokens": 400, "stream": True})
        if self.rng.random() < 0.5:
            await reader.readuntil(b"data: ")
        writer.close()
        self.n_left += 1

    async def check(self, number: int) -> None:
        """Ask until there is an answer, and look whose it is."""
        body, status, answer = self.body(number), 503, b""
        while status == 503:
            reader, writer = await self.send(body)
            head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            status = int(head.split()[1])
            if status == 503:
                self.n_sent_away += 1
                await asyncio.sleep(0.02)  # as the server asks, only shorter
        text = self.fake.written(tuple(body["prompt"].encode()), number)
        expected = (text * body["max_tokens"])[: body["max_tokens"]]
        if status == 200 and json.loads(answer)["choices"][0]["text"] == expected:
            self.n_right += 1
        else:
            self.wrong.append((number, status, answer))

    async def send(self, body: dict[str, object]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send a request on a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        content = json.dumps(body).encode()
        head = f"host: x\r\nconnection: close\r\ncontent-length: {len(content)}\r\n"
        head += "content-type: application/json\r\n\r\n"
        writer.write(f"POST /v1/completions HTTP/1.1\r\n{head}".encode() + content)
        return reader, writer

    def body(self, number: int) -> dict[str, object]:
        return {"model": "tiny", "prompt": f"request {number}", "seed": number, "max_tokens": 1 + number % 23}


@pytest.mark.parametrize("n", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_answer_is_lost_or_another_one(fake, engine, n) -> None:
    engine.room = CLIENTS - 2
    engine.requests = deque(maxlen=1)
    app = build_app(engine, ByteTokenizer(), ServerConfig(name="tiny"))
    with running_server(app) as url:
        crowd = Crowd(fake, url, random.Random(0))
        asyncio.run(crowd.ask_all(range(n // 4)))
        before = pages()
        asyncio.run(crowd.ask_all(range(n // 4, n)))
        after = pages()
    assert crowd.wrong == []
    assert (crowd.n_right + crowd.n_left, crowd.n_left > 0, engine.n_cancelled > 0) == (n, True, True)
    assert (engine.n_open, app.state.service.traffic.n_running) == (0, 0)
    assert after - before < MOST_GROWTH_PAGES


def pages() -> int:
    """Return the memory of this process, in pages; 0 where it is not told."""
    gc.collect()
    return int(PAGES_OF.read_text().split()[1]) if PAGES_OF.exists() else 0
