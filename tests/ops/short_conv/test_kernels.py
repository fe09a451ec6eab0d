"""The kernels of the short convolution against its plain form, in the interpreter or on a GPU."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.ops.short_conv import short_conv, split_short_conv
from longwave.ops.short_conv.shifts import shifted_conv

triton = pytest.importorskip("triton")

INTERPRETED = bool(triton.knobs.runtime.interpret)
DEVICE = "cpu" if INTERPRETED else "cuda"
if not INTERPRETED and not torch.cuda.is_available():
    pytest.skip("kernels need a GPU or TRITON_INTERPRET=1 before their import", allow_module_level=True)

from longwave.ops.short_conv.triton import MAX_TAPS, _convolve, _differentiate, can_serve, kernel_conv  # noqa: E402

# One step, odd, prime, whole octets (8, 24, 264, 2056), beyond a block of either pass (1031, 2056, 2309), and
# more taps than steps.
SHAPES = [
    (2, 4, 1, 3),
    (3, 2, 7, 1),
    (2, 2, 2, 7),
    (2, 4, 13, 5),
    (1, 2, 8, 1),
    (2, 2, 24, 9),
    (2, 4, 264, 3),
]
SHAPES += [(1, 2, 1031, 3), (2, 2, 2056, 4), (1, 2, 2309, 2)]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "B{}-D{}-L{}-K{}".format(*s))

CLOSE = 5e-6

# The interpreter truncates to bfloat16 where a GPU rounds: an error up to one unit in the last place, 2^-7.
HALF = {torch.float16: 2**-10, torch.bfloat16: 2**-7}
LARGE = [(64, 96, 4096, 3), (3, 48, 4095, 3), (1, 48, 262144, 4), (2, 30, 100001, 9), (70000, 2, 24, 3)]


@pytest.fixture(autouse=True)
def _seeded(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@pytest.fixture
def tensors(draw):
    """Return a function that draws u, k, bias and offset."""

    def of(shape, dtype=torch.float32):
        B, D, L, K = shape
        drawn = draw(B, D, L, dtype=dtype), *(draw(*s, dtype=torch.float32) for s in [(D, K), (D,), (D,)])
        return [x.detach().to(DEVICE).requires_grad_() for x in drawn]

    return of


def in_float64(tensors, grad):
    """Return the output and the gradients of the plain form in float64."""
    wide = [x.detach().double().requires_grad_() for x in tensors]
    y = shifted_conv(*wide)
    return y, *torch.autograd.grad(y, wide, grad.double())


def by_kernel(tensors, grad, parts=1):
    y = torch.cat(kernel_conv(*tensors, parts), dim=1)
    return y, *torch.autograd.grad(y, tensors, grad)


def relative_errors(found, expected):
    """Return the L2 error of each tensor; ``CLOSE`` leaves room for sums whose terms cancel."""
    pairs = zip(found, expected, strict=True)
    return [float(((a - b).norm() / b.norm().clamp(min=1e-12)).detach()) for a, b in pairs]


@shapes
@pytest.mark.parametrize("parts", [1, 2])
def test_kernels_equal_the_plain_form(tensors, shape, parts):
    drawn = tensors(shape)
    grad = torch.randn_like(drawn[0])
    assert max(relative_errors(by_kernel(drawn, grad, parts), in_float64(drawn, grad))) < CLOSE


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("L", [40, 41])
def test_kernels_round_half_types_once(tensors, dtype, L):
    drawn = tensors((2, 4, L, 3), dtype)
    grad = torch.randn_like(drawn[0])
    found, expected = by_kernel(drawn, grad), in_float64(drawn, grad)
    for a, b in zip(found[:2], expected[:2], strict=True):
        assert a.dtype == dtype
        torch.testing.assert_close(a.double(), b, rtol=HALF[dtype], atol=2e-6)
    assert max(relative_errors(found[2:], expected[2:])) < CLOSE


@pytest.mark.parametrize("without", [(2,), (3,), (2, 3)], ids=["no bias", "no offset", "neither"])
@pytest.mark.parametrize("L", [16, 17])
def test_bias_and_offset_are_optional(tensors, without, L):
    drawn = [None if n in without else x for n, x in enumerate(tensors((2, 4, L, 3)))]
    torch.testing.assert_close(kernel_conv(*drawn)[0], shifted_conv(*drawn), rtol=1e-6, atol=1e-6)


@given(B=st.integers(1, 3), D=st.integers(1, 3), L=st.integers(1, 300), K=st.integers(1, MAX_TAPS))
@settings(max_examples=10)
def test_kernels_equal_the_plain_form_at_any_size(B, D, L, K):
    generator = torch.Generator(DEVICE).manual_seed(L)
    drawn = [
        torch.randn(s, generator=generator, device=DEVICE, requires_grad=True)
        for s in [(B, D, L), (D, K), (D,), (D,)]
    ]
    grad = torch.randn_like(drawn[0])
    assert max(relative_errors(by_kernel(drawn, grad), in_float64(drawn, grad))) < CLOSE


VIEWS = {
    "channels": lambda u: u[:, 1:5],
    "steps": lambda u: u[:, :4, 8:32],
    "steps-unaligned": lambda u: u[:, :4, 3:27],
    "batch-skipped": lambda u: u[::2, :4],
    "batch-expanded": lambda u: u[:1, :4].expand(3, -1, -1),
    "channels-expanded": lambda u: u[:, :1].expand(-1, 4, -1),
    "width-last": lambda u: u[..., :4].transpose(1, 2),
    "steps-skipped": lambda u: u[:, :4, ::2],
    "steps-expanded": lambda u: u[:, :4, :1].expand(-1, -1, 24),
    "batch-and-channels-swapped": lambda u: u[:4].transpose(0, 1),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_kernels_take_strided_inputs_and_gradients(tensors, view):
    _, *rest = tensors((6, 4, 40, 3))
    u = view(torch.randn(6, 6, 40, device=DEVICE)).detach().requires_grad_()
    grad = view(torch.randn(6, 6, 40, device=DEVICE))
    found = by_kernel([u, *rest], grad)
    assert max(relative_errors(found, in_float64([u, *rest], grad))) < CLOSE


def test_a_gradient_without_contiguous_time_is_copied(tensors):
    drawn = tensors((2, 4, 24, 3))
    found = torch.autograd.grad(kernel_conv(*drawn)[0].sum(), drawn)
    expected = torch.autograd.grad(shifted_conv(*drawn).sum(), drawn)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("L", [24, 25])
def test_kernels_read_nothing_around_their_rows(tensors, L):
    drawn = tensors((1, 2, L, 9))
    poisoned = [torch.full((3, 4, L), torch.nan, device=DEVICE) for _ in range(2)]
    u, grad = (x[1:2, 1:3] for x in poisoned)
    u.copy_(drawn[0].detach())
    grad.copy_(torch.randn_like(grad))
    found = by_kernel([u.detach().requires_grad_(), *drawn[1:]], grad)
    assert max(relative_errors(found, in_float64(drawn, grad))) < CLOSE


@pytest.mark.parametrize("L", [24, 25])
def test_infinite_values_stay_in_their_own_outputs(L):
    u = torch.zeros(2, 2, L, device=DEVICE)
    u[0, 0, -1] = torch.inf
    (y,) = kernel_conv(u, torch.ones(2, 3, device=DEVICE))
    assert torch.isfinite(y).sum() == y.numel() - 1


def test_gradients_repeat_bit_by_bit(tensors):
    drawn = tensors((3, 2, 600, 3))
    grad = torch.randn_like(drawn[0])
    first, second = by_kernel(drawn, grad), by_kernel(drawn, grad)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_part_left_out_of_the_loss_has_no_gradient(tensors):
    u, k, *_ = tensors((2, 4, 16, 3))
    du, dk = torch.autograd.grad(kernel_conv(u, k, None, None, 2)[1].sum(), [u, k])
    assert [bool(x.any()) for x in (du[:, :2], dk[:2], du[:, 2:], dk[2:])] == [False, False, True, True]


@pytest.mark.parametrize("wanted", range(4), ids=["u", "k", "bias", "offset"])
def test_each_gradient_comes_alone(tensors, wanted):
    drawn = [x.detach().requires_grad_(n == wanted) for n, x in enumerate(tensors((2, 4, 16, 3)))]
    grad = torch.randn_like(drawn[0])
    (found,) = torch.autograd.grad(kernel_conv(*drawn)[0], drawn[wanted], grad)
    assert relative_errors([found], [in_float64(drawn, grad)[1 + wanted]])[0] < CLOSE


def test_gradients_have_the_types_of_their_tensors(tensors):
    u, k, bias, offset = (x.detach() for x in tensors((2, 4, 16, 3)))
    drawn = [x.requires_grad_() for x in (u.half(), k.bfloat16(), bias.half(), offset)]
    y, *gradients = by_kernel(drawn, torch.ones_like(drawn[0]))
    assert [x.dtype for x in (y, *gradients)] == [torch.float16, *(x.dtype for x in drawn)]


def test_autocast_changes_nothing(tensors):
    drawn = tensors((2, 4, 16, 3), torch.bfloat16)
    grad = torch.randn_like(drawn[0])
    expected = by_kernel(drawn, grad)
    with torch.autocast(DEVICE, torch.bfloat16):
        found = by_kernel(drawn, grad)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_kernels_refuse_a_second_derivative(tensors):
    u, k, *_ = tensors((1, 2, 8, 3))
    (grad,) = torch.autograd.grad(kernel_conv(u, k)[0].square().sum(), u, create_graph=True)
    with pytest.raises(RuntimeError, match="short_conv_backward"):
        grad.sum().backward()


def test_operators_are_registered_as_they_behave(tensors):
    u, k, bias, offset = tensors((2, 4, 16, 3))
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(_convolve, (u, k, bias, offset, 2), test_utils=checks)
    grads = [torch.randn(2, 2, 16, device=DEVICE) for _ in range(2)]
    plain = (grads, *(x.detach() for x in (u, k, offset)))
    torch.library.opcheck(_differentiate, plain, test_utils=checks[::2])


def test_kernels_trace_into_one_graph(tensors):
    drawn = tensors((2, 4, 16, 3))
    traced = torch.compile(lambda *x: kernel_conv(*x)[0] * 2, backend="aot_eager", fullgraph=True)
    grad = torch.randn_like(drawn[0])
    found = torch.autograd.grad(traced(*drawn), drawn, grad)
    expected = torch.autograd.grad(kernel_conv(*drawn)[0] * 2, drawn, grad)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


UNSERVED = {
    "float64": lambda u, k: (u.double(), k),
    "float64-filter": lambda u, k: (u, k.double()),
    "many-taps": lambda u, k: (u, k.repeat(1, 4)),
    "other-device": lambda u, k: (u, k.to("meta")),
}


@pytest.mark.parametrize("change", UNSERVED.values(), ids=UNSERVED)
def test_kernels_know_what_they_cannot_serve(tensors, change):
    u, k, *_ = tensors((2, 4, 16, 3))
    assert can_serve(u, k, None, None)
    assert not can_serve(*change(u, k), None, None)


@pytest.mark.gpu
@pytest.mark.parametrize("shape", LARGE, ids=lambda s: "B{}-D{}-L{}-K{}".format(*s))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_large_shapes_equal_the_plain_form_on_a_gpu(tensors, shape, dtype):
    drawn = tensors(shape, dtype)
    grad = torch.randn_like(drawn[0])
    errors = relative_errors(by_kernel(drawn, grad, 2), in_float64(drawn, grad))
    assert max(errors[:2]) < (1e-6 if dtype == torch.float32 else 2.5e-3)
    assert max(errors[2:]) < 1e-5


@pytest.mark.gpu
def test_offsets_beyond_32_bits_are_right_on_a_gpu():
    u = torch.zeros(5, 1024, 1 << 19, dtype=torch.bfloat16, device="cuda")
    u[-1, -1, -4:] = 1
    (y,) = kernel_conv(u, torch.ones(1024, 3, device="cuda"))
    assert y[-1, -1, -5:].tolist() == [0, 1, 2, 3, 3]
    assert not y[:4].any()


@pytest.mark.gpu
@pytest.mark.parametrize(
    "change", [lambda u, k: (u, k), *list(UNSERVED.values())[:-1]], ids=["served", *list(UNSERVED)[:-1]]
)
def test_public_function_serves_everything_on_a_gpu(tensors, change):
    u, k = change(*tensors((2, 4, 16, 3))[:2])
    expected = shifted_conv(u.cpu(), k.cpu(), None, None)
    torch.testing.assert_close(short_conv(u, k).cpu(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        split_short_conv(u, k, parts=2)[1].cpu(), expected[:, 2:], rtol=1e-5, atol=1e-5
    )


def test_kernel_that_cannot_be_compiled_leaves_the_torch_form(monkeypatch, caplog):
    from longwave.ops.short_conv import triton as form

    def broken(*arguments: object) -> None:
        raise RuntimeError("no C compiler")

    monkeypatch.setattr(form, "run_forward", broken)
    form._runs_on.cache_clear()
    u = torch.ones(1, 2, 16)
    assert not can_serve(u, torch.ones(2, 3), None, None)
    assert not can_serve(u, torch.ones(2, 3), None, None)
    form._runs_on.cache_clear()
    assert [record.message for record in caplog.records if "no C compiler" in record.message] != []
    assert len(caplog.records) == 1
