"""How long an update takes on this machine, before any data are there."""

from __future__ import annotations

import time
from typing import cast

import torch
from torch import nn

from longwave.errors import ConfigError
from longwave.models import LanguageModel
from longwave.training.config import TrainConfig
from longwave.training.distributed import pick_device
from longwave.training.optim import build_optimizer, clip_gradients
from longwave.training.validation import next_token_loss

__all__ = ["measure_step_s"]

WARM_UP = 2


def measure_step_s(config: TrainConfig, *, repeats: int = 5) -> float:
    """Time updates of a language model on random tokens, in one process; nothing is written.

    Parameters
    ----------
    config : TrainConfig
        Model, optimiser, batch size, device, precision and compilation count; micro-batches do not.
    repeats : int
        Timed updates, after two that are not.

    Returns
    -------
    float
        Seconds of the fastest update: what the machine can do when nothing else runs on it.

    Raises
    ------
    ConfigError
        If there is nothing to time, or the device does not exist.
    """
    if repeats < 1:
        raise ConfigError(f'"repeats" is {repeats}; accepted is 1 or more. Change it.')
    device = pick_device(config.device)
    with torch.random.fork_rng([]):
        model = LanguageModel(config.language_model, seed=config.seed).to(device).train()
        callee = cast(nn.Module, torch.compile(model)) if config.compile else model
        optimizer = build_optimizer(model, config.optim)
        shape = (config.batch_size, config.seq_len + 1)
        windows = torch.randint(config.language_model.vocab_size, shape, device=device)
        times_s: list[float] = []
        for _ in range(WARM_UP + repeats):
            started = time.perf_counter()
            with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
                loss = next_token_loss(callee, windows[:, :-1], windows[:, 1:])
            torch.autograd.backward(loss)
            clip_gradients(model.parameters(), config.optim.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            times_s.append(time.perf_counter() - started)
    return min(times_s[WARM_UP:])
