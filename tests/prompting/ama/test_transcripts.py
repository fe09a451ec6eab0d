"""Transcripts show what was asked and heard."""

from __future__ import annotations

import pytest

from longwave.clients import Completion, FakeClient
from longwave.errors import ClientError
from longwave.prompting.ama import get_chain_file, write_transcript

FILE = get_chain_file("realtime-qa")


def test_a_transcript_has_every_step_and_the_vote():
    replies = iter([" I don't know", " Porto"])
    client = FakeClient(lambda _: Completion(text=next(replies)))
    text = write_transcript(FILE.build()[0], FILE.instance(), client)
    assert text.count("========") == 2
    assert "--> I don't know\n" in text
    assert text.endswith("--> Porto\n\n========\n\nvote: Porto\n")


def test_an_abstention_is_told():
    client = FakeClient(lambda _: Completion(text=""))
    assert write_transcript(FILE.build()[0], FILE.instance(), client).endswith("vote: (abstains)\n")


def test_scores_are_shown_behind_the_text():
    file = get_chain_file("copa")
    client = FakeClient(lambda request: Completion(text="", logprob=-len(request.continuation)))
    assert "--> the room went dark. [log-probability -20]" in write_transcript(
        file.build()[2], file.instance(), client
    )


def test_a_model_that_fails_ends_it():
    def fail(_):
        raise ClientError("offline")

    with pytest.raises(ClientError, match="offline"):
        write_transcript(FILE.build()[0], FILE.instance(), FakeClient(fail))
