"""Reading a prompt in pieces, between the steps of texts that are already going on."""

# Shapes: P steps of a chunk, V vocabulary

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from longwave.generation import Decoder
from longwave.serving.drawing import Top, top_ids
from longwave.serving.jobs import Job
from longwave.serving.requests import PromptScores

__all__ = ["Reading"]


class Reading:
    """A prompt that is being read.

    Parameters
    ----------
    job : Job
    state : object
        The model's state of one text before the first token, with room for the prompt.
    device : torch.device

    Attributes
    ----------
    done : int
        Tokens read so far.
    logits : Tensor, shape (1, V), or None
        After the newest token.
    """

    def __init__(self, job: Job, state: Any, device: torch.device) -> None:
        self.job = job
        self.state = state
        self.done = 0
        self.logits: Tensor | None = None
        self._ids = torch.tensor([job.request.ids], dtype=torch.int64, device=device)  # (1, prompt)
        self._log_probs: list[float | None] = [None]
        self._top: list[Top | None] = [None]

    @property
    def left(self) -> int:
        """Tokens still to be read."""
        return self._ids.shape[1] - self.done

    def advance(self, model: Decoder[Any], at_most: int) -> int:
        """Read the next tokens; return how many they were."""
        scored = self.job.request.score_prompt
        start, end = self.done, self.done + min(at_most, self.left)
        logits, self.state = model.prefill(self._ids[:, start:end], self.state, last_only=not scored)
        if scored:
            self._score(logits[0], start, end)
        self.logits, self.done = logits[:, -1], end
        return end - start

    def scores(self) -> PromptScores:
        """Return how probable each token was, once all are read."""
        return PromptScores(tuple(self._log_probs), tuple(self._top))

    def _score(self, logits: Tensor, start: int, end: int) -> None:
        """Look the tokens up that logits (P, V) were to predict; the last token predicts a new one."""
        following = self._ids[0, start + 1 : end + 1]
        log_probs = logits[: len(following)].float().log_softmax(dim=-1)
        self._log_probs += log_probs.gather(1, following[:, None])[:, 0].tolist()
        self._top += top_ids(log_probs, self.job.request.n_top)
