"""What the released Hyena and H3 checkpoints share: how files are read, and the blocks around the mixers.

Names of parameters as in the public repositories HazyResearch/safari and HazyResearch/H3.
"""

# Shapes: V vocabulary, D width

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from longwave.errors import CheckpointError, MissingFile

__all__ = ["ReleasedWeights", "read_state_dict"]

VOCAB_MULTIPLE = 8  # LanguageModel pads its embedding to a multiple of this
EMBEDDING = "backbone.embeddings.word_embeddings.weight"
SHOWN = 3
# older names, in the order in which they are replaced
RENAMED = (
    (r"^s4seq\.encoder\.", "backbone."),
    (r"^embedding\.", "backbone.embeddings.word_embeddings."),
    (r"^backbone\.norm\.", "backbone.ln_0."),
)


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint file, and nothing but tensors.

    Parameters
    ----------
    path : str or Path
        A safetensors file, or a file of ``torch.save`` that holds a state dict, bare or under the key
        ``state_dict`` with names that begin with ``model.`` (PyTorch Lightning).

    Returns
    -------
    dict of Tensor
        On the CPU, by name.

    Raises
    ------
    MissingFile
        If there is no such file.
    CheckpointError
        If it holds no state dict, or objects that only unpickling could make; those are never loaded.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f'No file "{path}". Give the path of a downloaded checkpoint.')
    if path.suffix == ".safetensors":
        try:
            return dict(load_file(path))
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f'"{path}" is damaged: {error}. Download it again.') from error
    with path.open("rb") as file:
        head = file.read(4)
    if not head.startswith(
        (b"PK\x03\x04", b"\x80")
    ):  # an older form is a tar, which torch unpacks to the disk
        raise _unreadable(path, ValueError("no file of torch.save"))
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from error
    except (LookupError, AttributeError, AssertionError, ArithmeticError, MemoryError, struct.error) as error:
        raise _unreadable(path, error) from error  # torch reads damaged files without checks
    return _bare_state_dict(found, path)


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f'"{path}" is damaged or holds more than tensors, which is not loaded because it could run code '
        f"({type(error).__name__}). Extract its state dict where you trust it and save that alone."
    )


class ReleasedWeights:
    """The tensors of a released checkpoint, handed out one by one, so that none is forgotten.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        As ``read_state_dict`` returns them; names of older releases are understood.

    Raises
    ------
    CheckpointError
        If it is no state dict of these models.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._rest = _present_names(tensors)
        layers = [re.match(r"backbone\.layers\.(\d+)\.", name) for name in self._rest]
        self.n_layers = 1 + max((int(match[1]) for match in layers if match), default=-1)
        if EMBEDDING not in self._rest or not self.n_layers:
            raise CheckpointError(
                f"The state dict has {len(tensors)} names ({_some(tensors)}), but none like "
                f'"{EMBEDDING}" or "backbone.layers.0.": it is no checkpoint of HazyResearch\'s '
                "safari or H3. Give the state dict of such a language model."
            )

    def has(self, name: str) -> bool:
        """Tell whether a tensor is there and was not taken yet."""
        return name in self._rest

    def take(self, name: str, *shape: int) -> Tensor:
        """Take a tensor out; a size of -1 stands for any.

        Raises
        ------
        CheckpointError
            If it is missing or has another shape.
        """
        if name not in self._rest:
            raise CheckpointError(
                f'The state dict has no "{name}" (left: {_some(self._rest)}). '
                "Give the whole checkpoint, with the settings it was trained with."
            )
        tensor = self._rest.pop(name)
        given = tuple(tensor.shape)
        if len(given) != len(shape) or any(
            want not in (-1, got) for want, got in zip(shape, given, strict=True)
        ):
            raise CheckpointError(
                f'"{name}" has shape {given}, but {shape} is needed (-1: any). '
                "Give the settings that the checkpoint was trained with."
            )
        return tensor

    def take_embedding(self, vocab_size: int | None) -> tuple[int, Tensor]:
        """Take the embedding, its rows padded to a multiple of 8; return V and (padded V, D)."""
        weight = self.take(EMBEDDING, -1, -1)
        rows = weight.shape[0]
        vocab_size = rows if vocab_size is None else vocab_size
        padded = -(-vocab_size // VOCAB_MULTIPLE) * VOCAB_MULTIPLE
        if rows not in (vocab_size, padded):
            raise CheckpointError(
                f"The embedding has {rows} rows, but a vocabulary of {vocab_size} takes {vocab_size} or "
                f"{padded}. Give the vocab_size that the checkpoint was trained with."
            )
        if self.has("lm_head.weight") and not torch.equal(self.take("lm_head.weight", rows, -1), weight):
            raise CheckpointError(
                "lm_head.weight differs from the embedding, but the released models tie them. "
                "Give an unchanged checkpoint."
            )
        return vocab_size, F.pad(weight, (0, 0, 0, padded - rows))

    def take_block(self, layer: int, d_model: int) -> dict[str, Tensor]:
        """Take the norms and the MLP of a layer, under the names of a ``LanguageModel``."""
        old, new = f"backbone.layers.{layer}.", f"blocks.{layer}."
        width = self._rest[f"{old}mlp.fc1.weight"].shape[0] if self.has(f"{old}mlp.fc1.weight") else -1
        found = {}
        for theirs, ours in (("norm1", "mixer_norm"), ("norm2", "mlp_norm")):
            for kind in ("weight", "bias"):
                found[f"{new}{ours}.{kind}"] = self.take(f"{old}{theirs}.{kind}", d_model)
        for theirs, ours, shape in (("fc1", "up", (width, d_model)), ("fc2", "down", (d_model, width))):
            found[f"{new}mlp.{ours}.weight"] = self.take(f"{old}mlp.{theirs}.weight", *shape)
            found[f"{new}mlp.{ours}.bias"] = self.take(f"{old}mlp.{theirs}.bias", shape[0])
        return found

    def take_last_norm(self, d_model: int) -> dict[str, Tensor]:
        """Take the norm before the output layer."""
        return {f"norm.{kind}": self.take(f"backbone.ln_f.{kind}", d_model) for kind in ("weight", "bias")}

    def finish(self) -> None:
        """Check that nothing is left.

        Raises
        ------
        CheckpointError
            If something is: the model would compute something else than the one that was trained.
        """
        if self._rest:
            raise CheckpointError(
                f"{len(self._rest)} tensors of the state dict have no place in the model: "
                f"{_some(self._rest)}. Give the settings that the checkpoint was trained with."
            )


def linear(weights: ReleasedWeights, old: str, new: str, d_out: int, d_in: int) -> dict[str, Tensor]:
    """Take weight and bias of a linear layer."""
    return {
        f"{new}.weight": weights.take(f"{old}.weight", d_out, d_in),
        f"{new}.bias": weights.take(f"{old}.bias", d_out),
    }


def _bare_state_dict(found: object, path: Path) -> dict[str, Tensor]:
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        inner = {str(name): value for name, value in found["state_dict"].items()}
        found = {
            name.removeprefix("model."): value for name, value in inner.items() if name.startswith("model.")
        }
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise CheckpointError(
            f'"{path}" holds {type(found).__name__}, not a state dict (names with tensors, bare or under '
            '"state_dict"). Save model.state_dict() alone.'
        )
    return {str(name): value for name, value in found.items()}


def _present_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename what older releases named otherwise, and put their norms where they are applied today."""
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, replacement in RENAMED:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    if "backbone.ln_0.weight" not in renamed:
        return renamed
    # There, a layer's norms follow its mixer and its MLP; today each norm belongs to what reads it.
    last = max(int(match[1]) for name in renamed if (match := re.match(r"backbone\.layers\.(\d+)\.", name)))
    moved = {}
    for name, tensor in renamed.items():
        match = re.fullmatch(r"backbone\.(?:layers\.(\d+)\.norm([12])|ln_0)\.(\w+)", name)
        moved[_reading_norm(match, last) if match else name] = tensor
    return moved


def _reading_norm(match: re.Match[str], last: int) -> str:
    """Return the present name of a norm that was named after what wrote its input."""
    layer, half, kind = match.groups()
    if layer is None:
        return f"backbone.layers.0.norm1.{kind}"
    if half == "1":
        return f"backbone.layers.{layer}.norm2.{kind}"
    if int(layer) == last:
        return f"backbone.ln_f.{kind}"
    return f"backbone.layers.{int(layer) + 1}.norm1.{kind}"


def _some(names: Mapping[str, Tensor]) -> str:
    first = ", ".join(sorted(names)[:SHOWN]) or "none"
    return f"{first} and {len(names) - SHOWN} more" if len(names) > SHOWN else first
