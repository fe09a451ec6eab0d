"""The kernels of a step against its plain form, in the interpreter or on a GPU."""

from __future__ import annotations

import pytest
import torch

from longwave.ops.ssm import shift_step, ssm_step

triton = pytest.importorskip("triton")

INTERPRETED = bool(triton.knobs.runtime.interpret)
DEVICE = "cpu" if INTERPRETED else "cuda"
if not INTERPRETED and not torch.cuda.is_available():
    pytest.skip("kernels need a GPU or TRITON_INTERPRET=1 before their import", allow_module_level=True)

from longwave.ops.ssm.triton import can_serve, launch_diagonal, launch_shift  # noqa: E402

# One of all, odd, prime, more heads than a program has, more sequences than a program has.
DIAGONAL = [(1, 1, 1), (3, 5, 7), (2, 37, 4), (9, 16, 32), (5, 3, 33)]
SHIFT = [(1, 1, 1), (3, 5, 7), (9, 19, 4), (2, 3, 64)]
diagonals = pytest.mark.parametrize("shape", DIAGONAL, ids=lambda s: "M{}-H{}-N{}".format(*s))
shifts = pytest.mark.parametrize("shape", SHIFT, ids=lambda s: "B{}-D{}-S{}".format(*s))
types = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)

# The interpreter truncates to bfloat16 where a GPU rounds.
CLOSE = {torch.float32: (2e-5, 2e-5), torch.bfloat16: (2**-7, 1e-4)}


@pytest.fixture(autouse=True)
def _seeded(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def arguments(shape, dtype):
    """Return state, system, input, skip and gates; the input and gates are slices of one tensor."""
    M, H, N = shape
    x = torch.randn(M, H, N, dtype=torch.complex64, device=DEVICE)
    system = tuple(torch.randn(H, N, dtype=torch.complex64, device=DEVICE) for _ in range(3))
    q, k, v = torch.randn(M, 3 * H, device=DEVICE).to(dtype).chunk(3, dim=1)
    return x, system, k, torch.randn(H, device=DEVICE), v, q


def plain(x, system, k, skip, v, q):
    """Step on the CPU in double precision."""
    wide = [
        z.cpu().to(torch.complex128 if z.is_complex() else torch.float64) for z in (x, k, *system, skip, v, q)
    ]
    return ssm_step(*wide[:5], skip=wide[5], gate_in=wide[6], gate_out=wide[7])


@types
@diagonals
def test_a_diagonal_step_equals_its_plain_form(shape, dtype):
    x, system, k, skip, v, q = arguments(shape, dtype)
    expected, state = plain(x, system, k, skip, v, q)
    new = torch.empty_like(x)
    y = launch_diagonal(x, new, k, system, skip, v, q)
    rtol, atol = CLOSE[dtype]
    assert y.dtype == dtype
    torch.testing.assert_close(y.cpu().double(), expected, rtol=rtol, atol=atol)
    torch.testing.assert_close(new.cpu().to(state.dtype), state, rtol=2e-5, atol=2e-5)


@diagonals
def test_a_diagonal_step_in_place_is_the_same_step(shape):
    x, system, k, skip, v, q = arguments(shape, torch.float32)
    new = torch.empty_like(x)
    expected = launch_diagonal(x, new, k, system, skip, v, q)
    assert torch.equal(launch_diagonal(x, x, k, system, skip, v, q), expected)
    assert torch.equal(x, new)


def test_skip_and_gates_are_optional():
    x, system, k, *_ = arguments((3, 5, 7), torch.float32)
    expected, _ = ssm_step(x.cpu(), k.cpu(), *(z.cpu() for z in system))
    y = launch_diagonal(x, torch.empty_like(x), k, system)
    torch.testing.assert_close(y.cpu(), expected, rtol=2e-5, atol=2e-5)


def test_inputs_whose_heads_are_not_neighbours_are_taken():
    x, system, k, skip, v, q = arguments((3, 5, 7), torch.float32)
    expected = launch_diagonal(x, torch.empty_like(x), k, system, skip, v, q)
    spread = [z.t().contiguous().t() for z in (k, v, q)]
    found = launch_diagonal(x, torch.empty_like(x), spread[0], system, skip, *spread[1:])
    assert torch.equal(found, expected)


def test_a_broken_sequence_does_not_spoil_its_neighbours():
    x, system, k, skip, v, q = arguments((5, 5, 7), torch.float32)
    clean = launch_diagonal(x, torch.empty_like(x), k, system, skip, v, q)
    x[2] = torch.nan
    found = launch_diagonal(x, torch.empty_like(x), k, system, skip, v, q)
    others = [0, 1, 3, 4]
    assert torch.equal(found[others], clean[others])


@types
@shifts
def test_shift_steps_equal_their_plain_form_around_the_ring(shape, dtype):
    B, D, S = shape
    ring, slot = (
        torch.zeros(shape, dtype=dtype, device=DEVICE),
        torch.zeros(B, D, dtype=torch.int32, device=DEVICE),
    )
    plain_ring, plain_slot = torch.zeros(shape, dtype=dtype), torch.zeros(B, D, dtype=torch.int32)
    taps, skip = torch.randn(D, S, device=DEVICE), torch.randn(D, device=DEVICE)
    found, expected = [], []
    for t in range(S + 2):
        k = torch.randn(B, 2 * D, device=DEVICE).to(dtype)[:, D:]
        found.append(launch_shift(ring, slot, k, taps, skip).cpu())
        expected.append(shift_step(plain_ring, plain_slot, k.cpu(), taps.cpu(), skip.cpu(), position=t))
    torch.testing.assert_close(torch.stack(found), torch.stack(expected), rtol=2e-5, atol=2e-5)
    assert torch.equal(ring.cpu(), plain_ring)
    assert torch.equal(slot.cpu(), plain_slot)


def test_the_kernels_take_single_precision_states_and_narrower_inputs():
    x, narrow = torch.zeros(1, 1, 1, dtype=torch.complex64), torch.zeros(1, dtype=torch.bfloat16)
    assert can_serve(x.to(DEVICE), narrow.to(DEVICE), None)
    assert not can_serve(x.to(torch.complex128))
    assert not can_serve(x, narrow.double())


def test_the_kernels_leave_what_is_differentiated_to_torch():
    x, leaf = torch.zeros(1, 1, 1, dtype=torch.complex64), torch.zeros(1, requires_grad=True)
    assert not can_serve(x, leaf)
    with torch.no_grad():
        assert can_serve(x.to(DEVICE), leaf.to(DEVICE))
