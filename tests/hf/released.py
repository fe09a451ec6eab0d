"""State dicts with the published names and shapes, and naive models written from the formulas to run them."""

# Shapes: B batch, L length, D width, N order, V vocabulary

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Tensors = dict[str, Tensor]
VOCAB, D_MODEL, N_LAYERS, D_MLP, MAX_LENGTH = 37, 8, 2, 12, 19


class Draw:
    """Draw tensors of any shape from one seed."""

    def __init__(self, seed: int, dtype: torch.dtype = torch.float64) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.dtype = dtype

    def __call__(self, *shape: int, std: float = 0.5) -> Tensor:
        return std * torch.randn(shape, generator=self.generator, dtype=self.dtype)


def backbone(draw: Draw, mixer: Callable[[Draw, int], Tensors], rows: int = 40) -> Tensors:
    """Return embedding, blocks and last norm, with the mixers' tensors."""
    embedding = draw(rows, D_MODEL)
    found = {"backbone.embeddings.word_embeddings.weight": embedding, "lm_head.weight": embedding}
    for layer in range(N_LAYERS):
        place = f"backbone.layers.{layer}."
        for norm in ("norm1", "norm2"):
            found |= {f"{place}{norm}.weight": draw(D_MODEL), f"{place}{norm}.bias": draw(D_MODEL)}
        found |= {f"{place}mlp.fc1.weight": draw(D_MLP, D_MODEL), f"{place}mlp.fc1.bias": draw(D_MLP)}
        found |= {f"{place}mlp.fc2.weight": draw(D_MODEL, D_MLP), f"{place}mlp.fc2.bias": draw(D_MODEL)}
        found |= {f"{place}mixer.{name}": tensor for name, tensor in mixer(draw, layer).items()}
    return found | {"backbone.ln_f.weight": draw(D_MODEL), "backbone.ln_f.bias": draw(D_MODEL)}


def run_backbone(tensors: Tensors, ids: Tensor, mixer: Callable[[Tensors, Tensor], Tensor]) -> Tensor:
    """Return the logits of pre-norm blocks; a mixer is given its own tensors."""
    r = tensors["backbone.embeddings.word_embeddings.weight"][ids]  # (B, L, D)
    for layer in range(N_LAYERS):
        own = below(tensors, f"backbone.layers.{layer}.")
        r = r + mixer(below(own, "mixer."), norm(r, below(own, "norm1.")))
        hidden = F.gelu(linear(norm(r, below(own, "norm2.")), below(own, "mlp.fc1.")), approximate="tanh")
        r = r + linear(hidden, below(own, "mlp.fc2."))
    return norm(r, below(tensors, "backbone.ln_f.")) @ tensors["lm_head.weight"].t()


def below(tensors: Tensors, prefix: str) -> Tensors:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def norm(x: Tensor, own: Tensors) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * own["weight"] + own["bias"]


def linear(x: Tensor, own: Tensors) -> Tensor:
    return x @ own["weight"].t() + own["bias"]


def causal(kernel: Tensor, u: Tensor) -> Tensor:
    """Convolve u (B, L, D) with a kernel (L, D), by the sum itself."""
    return torch.stack([sum(kernel[t - s] * u[:, s] for s in range(t + 1)) for t in range(u.shape[1])], dim=1)


def as_older_release(tensors: Tensors) -> Tensors:
    """Rename a state dict to the names and the order of norms of the first releases."""
    older = {}
    for name, tensor in tensors.items():
        if name == "lm_head.weight":
            older[name] = tensor
        elif name.startswith("backbone.embeddings"):
            older["embedding.weight"] = tensor
        elif name.startswith("backbone.ln_f"):
            older[name.replace("backbone.ln_f", f"s4seq.encoder.layers.{N_LAYERS - 1}.norm2")] = tensor
        else:
            older[name.replace("backbone.", "s4seq.encoder.")] = tensor
    for kind in ("weight", "bias"):
        older[f"s4seq.encoder.norm.{kind}"] = tensors[f"backbone.layers.0.norm1.{kind}"]
        for layer in range(N_LAYERS):
            after_mixer = f"s4seq.encoder.layers.{layer}.norm1.{kind}"
            older[after_mixer] = tensors[f"backbone.layers.{layer}.norm2.{kind}"]
        for layer in range(N_LAYERS - 1):
            after_mlp = f"s4seq.encoder.layers.{layer}.norm2.{kind}"
            older[after_mlp] = tensors[f"backbone.layers.{layer + 1}.norm1.{kind}"]
    return older


def hyena_mixer(
    draw: Draw, order: int = 2, d_hidden: int = 6, d_position: int = 5, n_inner: int = 2
) -> Tensors:
    """Return what safari's HyenaOperator saves."""
    n_projections, n_filters = (order + 1) * D_MODEL, (order - 1) * D_MODEL
    frequency = 3 + draw(1, d_hidden)
    rates = torch.linspace(math.log(1e-2) / 1.5, math.log(1e-2) / 0.3, n_filters, dtype=draw.dtype)
    found = {
        "in_proj.weight": draw(n_projections, D_MODEL),
        "in_proj.bias": draw(n_projections),
        "out_proj.weight": draw(D_MODEL, D_MODEL),
        "out_proj.bias": draw(D_MODEL),
        "short_filter.weight": draw(n_projections, 1, 3),
        "short_filter.bias": draw(n_projections),
        "filter_fn.bias": draw(n_filters),
        "filter_fn.pos_emb.z": draw(1, MAX_LENGTH, d_position),
        "filter_fn.pos_emb.t": torch.linspace(0, 1, MAX_LENGTH, dtype=draw.dtype).view(1, -1, 1),
        "filter_fn.modulation.deltas": rates.view(1, 1, -1),
        f"filter_fn.implicit_filter.{2 * n_inner + 2}.weight": draw(n_filters, d_hidden),
    }
    for i in range(n_inner + 1):
        d_in = d_hidden if i else d_position
        found[f"filter_fn.implicit_filter.{2 * i}.weight"] = draw(d_hidden, d_in)
        found[f"filter_fn.implicit_filter.{2 * i}.bias"] = draw(d_hidden)
        found[f"filter_fn.implicit_filter.{2 * i + 1}.freq"] = frequency
    return found


def run_hyena_mixer(
    own: Tensors, u: Tensor, *, modulate: bool = True, shift: float = 0.0, normalize: bool = False
) -> Tensor:
    """Gates and convolutions in turn: section 3 of arXiv 2302.10866, channels in the order of the code."""
    length = u.shape[1]
    z = linear(u, below(own, "in_proj."))  # (B, L, (N+1) D)
    taps = own["short_filter.weight"][:, 0].t().flip(0)  # (3, (N+1) D): its last tap is the present
    kernel = F.pad(taps, (0, 0, 0, max(length - 3, 0)))[:length]
    *gates, w = (causal(kernel, z) + own["short_filter.bias"]).split(D_MODEL, dim=-1)
    n_steps = len(gates) - 1
    h = _hyena_filters(below(own, "filter_fn."), modulate, shift, normalize)[:length]
    h = h.unflatten(1, (D_MODEL, n_steps))  # (L, D, N-1)
    skip = own["filter_fn.bias"].view(D_MODEL, n_steps)
    for step in range(n_steps):
        w = w * gates[n_steps - step]
        w = causal(h[..., step], w) + skip[:, step] * w
    return linear(w * gates[0], below(own, "out_proj."))


def _hyena_filters(own: Tensors, modulate: bool, shift: float, normalize: bool) -> Tensor:
    hidden, i = own["pos_emb.z"][0], 0
    while f"implicit_filter.{i + 1}.freq" in own:
        affine = linear(hidden, below(own, f"implicit_filter.{i}."))
        hidden, i = torch.sin(own[f"implicit_filter.{i + 1}.freq"] * affine), i + 2
    h = hidden @ own[f"implicit_filter.{i}.weight"].t()  # (L, C)
    if modulate:
        h = h * (torch.exp(-own["pos_emb.t"][0] * own["modulation.deltas"][0].abs()) + shift)
    return h / h.abs().sum(-1, keepdim=True) if normalize else h


D_STATE, SHIFT_STATE, N_HEADS = 6, 5, 2


def h3_mixer(draw: Draw, copies: int = D_MODEL, *, is_joint: bool = False) -> Tensors:
    """Return what the H3 layer saves; ``copies`` of its modes, projections apart or joint."""
    n_modes = D_STATE // 2
    found = {
        "ssm_k_kernel.kernel.B": draw(D_MODEL, SHIFT_STATE),
        "ssm_k_kernel.kernel.C": draw(1, D_MODEL, SHIFT_STATE),
        "ssm_k_D": draw(D_MODEL),
        "kernel.kernel.C": draw(1, D_MODEL, n_modes, 2),
        "kernel.kernel.B": draw(copies, n_modes, 2),
        "kernel.kernel.inv_A_real": draw(copies, n_modes),
        "kernel.kernel.A_imag": draw(copies, n_modes, std=3.0),
        "kernel.kernel.log_dt": draw(D_MODEL) - 2,
        "D": draw(D_MODEL),
        "output_linear.weight": draw(D_MODEL, D_MODEL),
        "output_linear.bias": draw(D_MODEL),
    }
    if is_joint:
        return found | {"Wqkv.weight": draw(3 * D_MODEL, D_MODEL), "Wqkv.bias": draw(3 * D_MODEL)}
    for name in "qkv":
        found |= {f"{name}_proj.weight": draw(D_MODEL, D_MODEL), f"{name}_proj.bias": draw(D_MODEL)}
    return found


def attention_mixer(draw: Draw) -> Tensors:
    """Return what a layer of attention saves."""
    found = {"Wqkv.weight": draw(3 * D_MODEL, D_MODEL), "Wqkv.bias": draw(3 * D_MODEL)}
    return found | {"out_proj.weight": draw(D_MODEL, D_MODEL), "out_proj.bias": draw(D_MODEL)}


def run_h3_mixer(own: Tensors, u: Tensor) -> Tensor:
    """Section 3 of arXiv 2212.14052 for heads of width one, as recurrences; or attention."""
    if "ssm_k_D" not in own:
        return run_attention_mixer(own, u)
    if "Wqkv.weight" in own:
        q, k, v = linear(u, below(own, "Wqkv.")).chunk(3, dim=-1)
    else:
        q, k, v = (linear(u, below(own, f"{name}_proj.")) for name in "qkv")
    memory = below(own, "kernel.kernel.")
    rate, entry = -memory["inv_A_real"].exp() + 1j * memory["A_imag"], torch.view_as_complex(memory["B"])
    copies = D_MODEL // len(rate)
    step = memory["log_dt"].exp()[:, None]  # (D, 1)
    half = 1 - step * rate.repeat(copies, 1) / 2
    grow, enter = (2 - half) / half, step * entry.repeat(copies, 1) / half  # bilinear, (D, N)
    read = torch.view_as_complex(memory["C"][0])
    keys = torch.zeros(u.shape[0], D_MODEL, SHIFT_STATE, dtype=u.dtype)
    modes = torch.zeros(u.shape[0], D_MODEL, D_STATE // 2, dtype=grow.dtype)
    outputs = []
    for t in range(u.shape[1]):
        keys = F.pad(keys[..., :-1], (1, 0)) + own["ssm_k_kernel.kernel.B"] * k[:, t, :, None]
        shifted = (keys * own["ssm_k_kernel.kernel.C"][0]).sum(-1) + own["ssm_k_D"] * k[:, t]
        product = shifted * v[:, t]
        modes = grow * modes + enter * product[..., None]
        outputs.append(q[:, t] * (2 * (read * modes).sum(-1).real + own["D"] * product))
    return linear(torch.stack(outputs, dim=1), below(own, "output_linear."))


def run_attention_mixer(own: Tensors, u: Tensor) -> Tensor:
    """Causal softmax attention without positions, head by head."""
    q, k, v = linear(u, below(own, "Wqkv.")).unflatten(-1, (3, N_HEADS, -1)).unbind(2)  # (B, L, H, E)
    scores = torch.einsum("blhe,bmhe->bhlm", q, k) / math.sqrt(D_MODEL // N_HEADS)
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    mixed = torch.einsum("bhlm,bmhe->blhe", scores.masked_fill(future, -math.inf).softmax(-1), v)
    return linear(mixed.flatten(2), below(own, "out_proj."))
