"""The kernels of an attention step against attention by torch, in the interpreter or on a GPU."""

from __future__ import annotations

import pytest
import torch

from longwave.mixers import Attention

triton = pytest.importorskip("triton")

INTERPRETED = bool(triton.knobs.runtime.interpret)
DEVICE = "cpu" if INTERPRETED else "cuda"
if not INTERPRETED and not torch.cuda.is_available():
    pytest.skip("kernels need a GPU or TRITON_INTERPRET=1 before their import", allow_module_level=True)

from longwave.ops.attention_step import attention_step, can_serve  # noqa: E402

D, L, B = 32, 41, 2
KINDS = {"rotary": {}, "plain": {"rotary": False}, "part-rotary": {"rotary_dim": 6}}
kinds = pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
parts_of = pytest.mark.parametrize("parts", [1, 3], ids=lambda n: f"parts{n}")


@pytest.fixture
def decoded(draw):
    """Return a function that decodes by the kernels: prompts by ``prefill``, then steps."""

    def of(options, parts, *, prompt=37, padding=None):
        mixer, x = Attention(D, 2, max_length=L, **options).eval(), draw(B, L, D, dtype=torch.float32)
        mixer, x = mixer.to(DEVICE), x.detach().to(DEVICE)
        state = mixer.init_state(B)
        if padding is not None:
            state.pad(padding.to(DEVICE))
        with torch.no_grad():
            outputs, _ = mixer.prefill(x[:, :prompt], state)
            outputs = list(outputs.unbind(1))
            for x_t in x[:, prompt:].unbind(1):
                held = state.keys, state.values, state.count, state.rotation.frequencies, state.padding
                outputs.append(mixer.out_proj(attention_step(mixer.in_proj(x_t), *held, parts=parts)))
            reference = mixer.double()
            expected_state = reference.init_state(B)
            if padding is not None:
                expected_state.pad(padding.to(DEVICE))
            expected, _ = reference.prefill(x.double(), expected_state)
        return torch.stack(outputs, 1), expected, state

    return of


@kinds
@parts_of
def test_steps_equal_attention_over_the_whole(decoded, options, parts):
    found, expected, _ = decoded(options, parts)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=2e-6)


@parts_of
def test_padding_is_not_read(decoded, parts):
    found, expected, _ = decoded({}, parts, padding=torch.tensor([0, 7]))
    torch.testing.assert_close(found[1, 7:].double(), expected[1, 7:], rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(found[0].double(), expected[0], rtol=1e-5, atol=2e-6)


@parts_of
def test_a_step_inside_the_padding_is_a_number(decoded, parts):
    found, _, _ = decoded({}, parts, prompt=37, padding=torch.tensor([0, 40]))
    assert found.isfinite().all()


@parts_of
def test_steps_count_on_the_device(decoded, parts):
    _, _, state = decoded({}, parts)
    assert (state.count == L).all()


def test_the_first_step_of_all_reads_itself():
    qkv = torch.randn(1, 48, device=DEVICE)
    caches = [torch.zeros(1, 1, 4, 16, device=DEVICE) for _ in range(2)]
    count = torch.zeros(1, 1, dtype=torch.int32, device=DEVICE)
    y = attention_step(qkv, *caches, count, None)
    torch.testing.assert_close(y, qkv[:, 32:])
    torch.testing.assert_close(caches[1][:, 0, 0], qkv[:, 32:])


def test_angles_far_out_are_those_of_torch(draw):
    """Position 31,000 turns the fastest pair some 5,000 times."""
    mixer = Attention(D, 2, max_length=31_001).to(DEVICE)
    state, far = mixer.init_state(1), 31_000
    state.count.fill_(far)
    x = draw(1, 1, D, dtype=torch.float32).detach().to(DEVICE)
    held = state.keys, state.values, state.count, state.rotation.frequencies
    nothing_before = torch.tensor([far], device=DEVICE)
    with torch.no_grad():
        attention_step(mixer.in_proj(x[:, 0]), *held, nothing_before, parts=1)
        _, k, _ = mixer._project(x, start=far)
    torch.testing.assert_close(state.keys[:, :, far], k[:, :, 0], rtol=1e-5, atol=5e-6)


def test_the_kernels_take_widths_that_are_powers_of_two():
    assert can_serve(torch.zeros(1, 1, 1, 64, device=DEVICE))
    assert not can_serve(torch.zeros(1, 1, 1, 48, device=DEVICE))
    assert not can_serve(torch.zeros(1, 1, 1, 64, dtype=torch.float64, device=DEVICE))
