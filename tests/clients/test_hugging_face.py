from __future__ import annotations

import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.clients import HuggingFaceClient, HuggingFaceSettings, Request, open_client
from longwave.errors import CheckpointError, ConfigError, MissingExtra, MissingFile

pytestmark = pytest.mark.extra("hf")
KINDS = ("gpt2", "llama")
PROMPTS = ("", "the", "the sea is blue", "né", "x" * 20, "Question: one\nAnswer:")


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@torch.no_grad()
def naive_logprob(client, ids, after):
    """Score one token at a time by a forward pass of one sequence without padding."""
    total = 0.0
    for token in after:
        logits = client.model(torch.tensor([ids])).logits[0, -1].double()
        total += float(logits.log_softmax(0)[token])
        ids = [*ids, token]
    return total


def encode(client, text):
    return client.tokenizer(text, add_special_tokens=False)["input_ids"]


def test_scores_are_those_of_one_token_at_a_time(open_transformers, kind):
    client = open_transformers(kind)
    lead = {"gpt2": [], "llama": [1]}[kind]
    requests = [Request(prompt=prompt, continuation=" is blue") for prompt in PROMPTS]
    for request, result in zip(requests, client.complete(requests), strict=True):
        ids = lead + encode(client, request.prompt)
        after = encode(client, request.prompt + " is blue")[len(ids) - len(lead) :]
        assert encode(client, request.prompt + " is blue")[: len(ids) - len(lead)] == ids[len(lead) :]
        (completion,) = result.completions
        assert completion.n_tokens == len(after)
        assert completion.logprob == pytest.approx(naive_logprob(client, ids or [0], after), abs=1e-4)


def test_scores_do_not_depend_on_the_batch(open_transformers, kind):
    requests = [Request(prompt=prompt, continuation=end) for prompt in PROMPTS for end in (" yes", " no, né")]
    together = open_transformers(kind).complete(requests)
    alone = open_transformers(kind, batch_tokens=1).complete(requests)
    for one, other in zip(together, alone, strict=True):
        assert one.completions[0].logprob == pytest.approx(other.completions[0].logprob, abs=1e-4)
        assert one.tokens_in == other.tokens_in


def test_a_token_over_the_border_belongs_to_the_continuation(open_transformers):
    client = open_transformers()
    assert encode(client, " sea") != encode(client, " s") + encode(client, "ea")
    assert len(encode(client, " sea")) == 1
    (split,) = client.complete([Request(prompt="the s", continuation="ea")])
    (whole,) = client.complete([Request(prompt="the", continuation=" sea")])
    assert split.completions[0].logprob == pytest.approx(whole.completions[0].logprob, abs=1e-5)
    assert split.completions[0].text == "ea"


@settings(max_examples=8)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.sampled_from(["the sea", "", "né "]))
def test_the_parts_of_a_text_add_up_to_the_whole(open_transformers, text, prompt):
    client = open_transformers("llama")
    ids = client._tokens.encode(prompt + text)[0]
    if client._tokens.encode(prompt)[0] != ids[: client.count_tokens(prompt)]:
        return  # the border lies inside a token
    before, after, whole = client.complete(
        [
            Request(prompt="", continuation=prompt),
            Request(prompt=prompt, continuation=text),
            Request(prompt="", continuation=prompt + text),
        ]
    )
    parts = before.completions[0].logprob + after.completions[0].logprob
    assert parts == pytest.approx(whole.completions[0].logprob, abs=1e-4)


def test_an_empty_continuation_is_certain(open_transformers):
    (result,) = open_transformers().complete([Request(prompt="a", continuation="")])
    assert (result.completions[0].logprob, result.completions[0].n_tokens) == (0.0, 0)


def test_long_texts_are_scored_in_parts(open_transformers, monkeypatch):
    asked = [Request(prompt="", continuation="the sea is blue and the sky")]
    (whole,) = open_transformers().complete(asked)
    monkeypatch.setattr("longwave.clients.hugging_face.CHUNK", 3)
    (parts,) = open_transformers().complete(asked)
    assert parts.completions[0].logprob == pytest.approx(whole.completions[0].logprob, abs=1e-5)


@pytest.mark.parametrize(
    "request_", [Request(prompt="x" * 60, continuation="y"), Request(prompt="x" * 30, max_tokens=30)]
)
def test_a_request_that_does_not_fit_fails_alone(open_transformers, request_):
    long, short = open_transformers().complete([request_, Request(prompt="x", max_tokens=1)])
    assert "reads at most 48" in long.error
    assert short.error is None


@pytest.mark.parametrize("n_tokens", [45, 46])
def test_the_last_token_needs_no_room(open_transformers, n_tokens):
    prompt = "x" * 44
    assert open_transformers().count_tokens(prompt) == 44
    (result,) = open_transformers().complete([Request(prompt=prompt, max_tokens=n_tokens - 40)])
    assert (result.error is None) == (n_tokens == 45)


def test_half_a_surrogate_pair_fails_alone(open_transformers):
    bad, good = open_transformers().complete([Request(prompt="a\ud800"), Request(prompt="a", max_tokens=1)])
    assert "no Unicode text" in bad.error
    assert good.error is None


def test_a_tokenizer_without_a_beginning_needs_a_prompt(open_transformers, tiny_transformers):
    tokenizer = tiny_transformers.make_tokenizer()
    tokenizer.bos_token = tokenizer.eos_token = None
    model = open_transformers().model
    client = HuggingFaceClient(model, tokenizer, name="tiny")
    (result,) = client.complete([Request(prompt="", continuation="x")])
    assert "no token that begins or ends a text" in result.error


def test_answers_come_batch_by_batch(open_transformers):
    requests = [Request(prompt=prompt, continuation="yes") for prompt in PROMPTS]
    groups = list(open_transformers(batch_tokens=1).complete_stream(requests))
    assert len(groups) == len(PROMPTS)
    assert sorted(place for group in groups for place, _ in group) == list(range(len(PROMPTS)))


def test_chats_go_through_the_template(open_transformers):
    plain, chat = open_transformers("llama"), open_transformers("llama", is_chat=True)
    (told,) = chat.complete([Request(prompt="the sea", continuation=" yes")])
    assert told.tokens_in == chat.count_tokens("<user>the sea<bot>")
    (same,) = plain.complete([Request(prompt="<user>the sea<bot>", continuation=" yes")])
    assert told.tokens_in == same.tokens_in - 1  # the template itself says how a text begins


def test_a_model_without_a_template_cannot_chat(tiny_transformers, tmp_path):
    with pytest.raises(ConfigError, match="no chat template"):
        open_client(f"hf:{tiny_transformers.save_tiny(tmp_path)}?chat=yes")


# opening


@pytest.fixture(scope="module")
def folder(tiny_transformers, tmp_path_factory):
    return tiny_transformers.save_tiny(tmp_path_factory.mktemp("models") / "tiny-7b")


def test_a_folder_is_opened_by_its_name(folder):
    client = open_client(f"hf:{folder}")
    assert (client.name, client.max_length) == ("tiny-7b", 48)
    assert client.model.dtype == (torch.bfloat16 if torch.cuda.is_available() else torch.float32)
    assert not client.model.training


def test_options_are_heeded(folder):
    client = open_client(f"hf:{folder}?max_length=20&batch_tokens=64&dtype=bfloat16&device=cpu")
    assert (client.max_length, client.batch_tokens, client.model.dtype) == (20, 64, torch.bfloat16)
    (result,) = client.complete([Request(prompt="the", continuation=" sea")])
    assert result.completions[0].logprob < 0


def test_version_follows_files_and_precision(folder, tiny_transformers, tmp_path):
    spec = "hf:{}?device=cpu&dtype=float32"
    version = open_client(spec.format(folder)).version
    assert version == open_client(spec.format(folder)).version
    assert version.endswith("-float32")
    assert open_client(f"hf:{folder}?device=cpu&dtype=bfloat16").version == version.replace(
        "float32", "bfloat16"
    )
    other = tiny_transformers.save_tiny(tmp_path, seed=1)
    assert open_client(spec.format(other)).version != version


def test_without_files_the_version_follows_the_weights(open_transformers, tiny_transformers):
    versions = [open_transformers(kind, version=None).version for kind in ("gpt2", "gpt2", "llama")]
    assert versions[0] == versions[1] != versions[2]


def test_models_of_longwave_are_known(tmp_path, tiny_transformers):
    from longwave.hf import LongwaveConfig, LongwaveForCausalLM
    from longwave.models import LanguageModelConfig

    tokenizer = tiny_transformers.make_tokenizer()
    config = LanguageModelConfig(
        vocab_size=len(tokenizer), d_model=16, n_layers=1, max_length=64, mixer="hyena"
    )
    LongwaveForCausalLM(LongwaveConfig(config=config)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    client = open_client(f"hf:{tmp_path}?device=cpu")
    requests = [Request(prompt=prompt, continuation=" yes") for prompt in PROMPTS]
    client.batch_tokens = 1
    alone = client.complete(requests)
    client.batch_tokens = 1000
    for one, other in zip(client.complete(requests), alone, strict=True):
        assert one.completions[0].logprob == pytest.approx(other.completions[0].logprob, abs=1e-4)
    assert client.complete([Request(prompt="the", max_tokens=2)])[0].error is None
    assert client.max_length == 64


@pytest.mark.parametrize(
    ("rest", "error", "message"),
    [
        ("", ConfigError, "names no model"),
        ("{folder}?dtype=int8", ConfigError, "float32"),
        ("{folder}?dtypes=float32", ConfigError, 'Did you mean "dtype"'),
        ("{folder}?device=abacus", ConfigError, "no device of this machine"),
        ("{folder}?batch_tokens=0", ConfigError, "at least 1"),
        ("{folder}/none", MissingFile, "Name a folder"),
    ],
)
def test_what_cannot_be_opened_is_explained(folder, rest, error, message, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(error, match=message):
        open_client("hf:" + rest.format(folder=folder))


def test_damaged_weights_are_told(tiny_transformers, tmp_path):
    path = tiny_transformers.save_tiny(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        open_client(f"hf:{tmp_path}")


def test_missing_weights_are_told(tiny_transformers, tmp_path):
    (tiny_transformers.save_tiny(tmp_path) / "model.safetensors").unlink()
    with pytest.raises(MissingFile, match="No model"):
        open_client(f"hf:{tmp_path}")


def test_a_model_of_another_kind_is_told(tiny_transformers, tmp_path):
    tiny_transformers.save_tiny(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "something-new"}', "utf-8")
    with pytest.raises((ConfigError, MissingFile), match=str(tmp_path)):
        open_client(f"hf:{tmp_path}")


def test_without_transformers_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"longwave\[hf\]"):
        open_client(f"hf:{folder}")


def test_settings_must_make_sense():
    with pytest.raises(ConfigError, match='"max_length" is 0'):
        HuggingFaceSettings(max_length=0)
