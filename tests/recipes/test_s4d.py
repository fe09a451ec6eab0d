"""The S4D row of H3's comparison on OpenWebText."""

from __future__ import annotations

from dataclasses import replace

from longwave.recipes import h3_openwebtext, s4d_openwebtext


def test_all_but_the_model_is_that_of_the_comparison() -> None:
    s4d, h3 = s4d_openwebtext(), h3_openwebtext("h3-125m-pure")
    assert replace(s4d, model=h3.model) == h3


def test_the_state_is_as_large_as_h3s() -> None:
    assert s4d_openwebtext().model.mixer_options["d_state"] == 64


def test_there_is_no_attention() -> None:
    assert s4d_openwebtext().model.attention_layers == ()
