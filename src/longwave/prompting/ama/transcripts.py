"""Show what a chain asked and heard: its prompts and replies, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from longwave.clients.base import Client, Completion
from longwave.errors import ClientError
from longwave.prompting.ama.chain import Chain
from longwave.prompting.ama.method import AskMeAnything
from longwave.prompting.base import Case
from longwave.scenarios.base import Instance, PromptFormat

__all__ = ["write_transcript"]


def write_transcript(
    chain: Chain, instance: Instance, client: Client | None = None, *, examples: Sequence[Instance] = ()
) -> str:
    """Ask about one instance and write down every step.

    Parameters
    ----------
    chain : Chain
    instance : Instance
    client : Client, optional
        Default: a model that knows the right answer, so that the transcript shows how a chain is meant to go.
    examples : sequence of Instance
        In-context examples for steps that show some.

    Returns
    -------
    str
        Each prompt, and behind an arrow its reply or the score of the given text; at last the vote.

    Raises
    ------
    ClientError
        If the model fails.
    """
    method = AskMeAnything(chain=chain)
    case = Case(prompt=PromptFormat(method="generation"), instance=instance, examples=tuple(examples))
    reader = client or _Unlimited()
    prepared = method.prepare(case, reader)
    answers: list[tuple[Completion, ...]] = []
    while len(answers) < len(prepared.requests):
        if client is None:
            answers = [(completion,) for completion in method.ideal(prepared)]
        else:
            results = client.complete(prepared.requests[len(answers) :])
            failed = next((result.error for result in results if result.error is not None), None)
            if failed is not None:
                raise ClientError(failed)
            answers += [result.completions for result in results]
        prepared = method.advance(prepared, answers, reader)
    shown = [
        f"{request.prompt}\n{_arrow(request.continuation, completions[0])}"
        for request, completions in zip(prepared.requests, answers, strict=True)
    ]
    vote = method.interpret(prepared, answers).prediction
    return "\n\n========\n\n".join([*shown, f"vote: {vote if vote is not None else '(abstains)'}"]) + "\n"


def _arrow(continuation: str | None, completion: Completion) -> str:
    if continuation is None:
        return f"--> {completion.text.strip()}"
    return f"-->{continuation} [log-probability {completion.logprob}]"


class _Unlimited:
    """A reader without a window."""

    max_length = None

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def split_text(self, text: str, max_tokens: int) -> list[str]:
        words = text.split(" ")
        return [" ".join(words[i : i + max_tokens]) for i in range(0, len(words), max_tokens)]
