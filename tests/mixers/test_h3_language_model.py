"""Language models of H3 and long convolutions, also with attention: generation repeats whole passes."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import ConfigError
from longwave.models import LanguageModel, LanguageModelConfig

PROMPT, NEW = 9, 64
MODELS = {
    "h3-hybrid": {"mixer": "h3", "attention_layers": (1,)},
    "h3-wide-heads": {"mixer": "h3", "mixer_options": {"head_dim": 4}},
    "h3-conv-hybrid": {"mixer": "h3", "mixer_options": {"kernel": "long_conv"}, "attention_layers": (1,)},
    "long-conv": {"mixer": "long-conv"},
}


def build(**options) -> LanguageModel:
    config = LanguageModelConfig(vocab_size=23, d_model=16, n_layers=3, max_length=PROMPT + NEW, **options)
    return LanguageModel(config, seed=3).double().eval()


@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)
def test_greedy_generation_follows_whole_passes(generator, options):
    """Where the two best tokens of a whole pass are not tied, generation must take the best."""
    model = build(**options)
    prompt = torch.randint(0, 23, (2, PROMPT), generator=generator)
    ids = model.generate(prompt, max_new_tokens=NEW, temperature=0.0)
    with torch.no_grad():
        logits = model(ids[:, :-1])[:, PROMPT - 1 :]
    best = logits.topk(2).values
    assert ids.shape == (2, PROMPT + NEW)
    assert (best[..., 0] - best[..., 1]).min() > 1e-7
    assert torch.equal(logits.argmax(-1), ids[:, PROMPT:])


@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)
def test_every_parameter_is_in_one_group_of_the_optimiser(options):
    model = build(**options)
    groups = model.optimizer_groups(lr=6e-4, weight_decay=0.1)
    named = {id(p): n for n, p in model.named_parameters()}
    found = [named[id(p)] for group in groups for p in group["params"]]
    assert sorted(found) == sorted(named.values())


def test_state_spaces_of_a_model_are_not_decayed():
    model = build(mixer="h3")
    groups = model.optimizer_groups(lr=6e-4, weight_decay=0.1)
    decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    spared = [n for n, p in model.named_parameters() if "kernel." in n and id(p) not in decayed]
    assert len(spared) == 3 * 6  # C of the shift; log_decay, frequency, B, C and log_dt of the memory


@pytest.mark.parametrize(
    "options", [{"bidirectional": True}, {"transform": "butterfly"}], ids=["both-ways", "butterfly"]
)
def test_a_language_model_refuses_layers_that_look_ahead(options):
    with pytest.raises(ConfigError, match="looks ahead"):
        build(mixer="long-conv", mixer_options=options)
