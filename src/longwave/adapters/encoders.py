"""Frozen encoders of texts and images, from three libraries that are imported when one is opened.

An encoder is named ``hf:NAME``, ``sentence-transformers:NAME`` or ``open_clip:MODEL@PRETRAINED``; a name can
be a folder, and then nothing is downloaded.

Shapes: n inputs, d width of the embeddings, T tokens, C classes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from longwave.adapters.embeddings import Floats, check_embeddings, unit_rows
from longwave.errors import ConfigError, DataError, MissingExtra, MissingFile, UnknownName

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Encoder", "embed", "embed_classes", "open_encoder"]

Input = str | Path  # a text, or the file of an image
Tell = Callable[[int, int], None]

_HINTS = {"transformers": "hf", "PIL.Image": "images"}


class Encoder(Protocol):
    """Turns inputs into rows of numbers; has no other duty, so that a test or a user can bring another."""

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Embed texts: (n, d)."""
        ...

    def encode_images(self, paths: Sequence[Path]) -> Floats:
        """Embed image files: (n, d)."""
        ...


def open_encoder(name: str, *, device: str = "cpu") -> Encoder:
    """Open an encoder by its name.

    Parameters
    ----------
    name : str
        ``hf:NAME`` (transformers; of CLIP and its like the projected features, of others the mean of the last
        hidden states over tokens that are no padding), ``sentence-transformers:NAME`` or
        ``open_clip:MODEL@PRETRAINED``.
    device : str

    Raises
    ------
    UnknownName
        If the library is none of these.
    MissingExtra, ConfigError
        If it is not installed; the message says how to install it.
    DataError
        If the model cannot be loaded.
    """
    library, colon, model = name.partition(":")
    known: Mapping[str, Callable[[str, str], Encoder]] = {
        "hf": _HuggingFace,
        "sentence-transformers": _SentenceTransformers,
        "open_clip": _OpenClip,
    }
    if library not in known or not colon:
        raise UnknownName("library of encoders", library, known)
    if not model:
        raise ConfigError(f'The encoder "{name}" names no model; write for example "{library}:NAME".')
    try:
        return known[library](model, device)
    except (OSError, ValueError, RuntimeError, KeyError) as error:  # as these libraries say "no such model"
        if isinstance(error, ConfigError | DataError):
            raise
        raise DataError(
            f'The encoder "{name}" cannot be loaded ({str(error).strip().splitlines()[0]}). Name a folder '
            "with the model, or one that can be downloaded."
        ) from error


def embed(
    encoder: Encoder, inputs: Sequence[Input], *, batch_size: int = 64, tell: Tell | None = None
) -> Floats:
    """Embed texts, or images where the inputs are paths, in batches.

    Parameters
    ----------
    encoder : Encoder
    inputs : sequence of str, or of Path
    batch_size : int
    tell : callable, optional
        Called with what is done and what there is after every batch.

    Returns
    -------
    ndarray, shape (n, d)
        float32, as long as the encoder made them.

    Raises
    ------
    ConfigError
        If ``batch_size`` is below 1.
    DataError, ShapeError
        If there is no input, a text is empty, or the encoder returns rows that cannot be used.
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}; accepted are whole numbers >= 1.")
    if not inputs:
        raise DataError("There is nothing to embed; name a file or folder with at least one text or image.")
    empty = [place for place, one in enumerate(inputs) if isinstance(one, str) and not one.strip()]
    if empty:
        raise DataError(f"{len(empty)} texts are empty (the first is number {empty[0]}). Drop them.")
    parts = []
    for start in range(0, len(inputs), batch_size):
        batch = inputs[start : start + batch_size]
        images = [one for one in batch if isinstance(one, Path)]
        texts = [one for one in batch if isinstance(one, str)]
        if images and texts:
            raise DataError("Texts and images are mixed; accepted is one kind. Embed them apart.")
        parts.append(encoder.encode_images(images) if images else encoder.encode_texts(texts))
        if tell is not None:
            tell(start + len(batch), len(inputs))
    return check_embeddings(np.concatenate(parts))


def embed_classes(
    encoder: Encoder, names: Sequence[str], *, templates: Sequence[str] = ("{}",), batch_size: int = 64
) -> Floats:
    """Embed the classes by prompts: of every class the mean of its prompts' unit embeddings, a unit row.

    Parameters
    ----------
    encoder : Encoder
    names : sequence of str, length C
    templates : sequence of str
        ``{}`` stands for the name, in which underscores become spaces.

    Returns
    -------
    ndarray, shape (C, d)

    Raises
    ------
    ConfigError
        If a template has no ``{}``, or there is none.
    """
    if not templates or any("{}" not in template for template in templates):
        raise ConfigError(
            f'Templates are {list(templates)}; accepted is at least one, each with "{{}}" for the name.'
        )
    prompts = [template.replace("{}", name.replace("_", " ")) for name in names for template in templates]
    unit = unit_rows(embed(encoder, prompts, batch_size=batch_size))
    return unit_rows(check_embeddings(unit.reshape(len(names), len(templates), -1).mean(axis=1)))


def _import(module: str, what: str) -> Any:
    """Import an optional library, or say how to get it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if module in _HINTS:
            raise MissingExtra(what, _HINTS[module]) from error
        package = {"open_clip": "open_clip_torch", "sentence_transformers": "sentence-transformers"}[module]
        raise ConfigError(f"{what} needs a library; install it with: pip install {package}.") from error


def _open_images(paths: Sequence[Path]) -> list[Any]:
    images = _import("PIL.Image", "Reading images")
    found = []
    for path in paths:
        try:
            with images.open(path) as file:
                found.append(file.convert("RGB"))
        except FileNotFoundError as error:
            raise MissingFile(f"There is no image {path}. Correct the path.") from error
        except OSError as error:
            raise DataError(f"{path} cannot be read as an image ({error}). Drop it.") from error
    return found


class _HuggingFace:
    """A model of transformers with its tokenizer and, for images, its processor; loaded when first needed."""

    def __init__(self, name: str, device: str) -> None:
        self._library = _import("transformers", "An encoder hf:NAME")
        self._name, self._device = name, device
        self._model = self._library.AutoModel.from_pretrained(name).to(device).eval()
        self._tokenizer: Any = None
        self._processor: Any = None

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        import torch

        if self._tokenizer is None:
            self._tokenizer = self._library.AutoTokenizer.from_pretrained(self._name)
            if self._tokenizer.pad_token is None:
                self._tokenizer.pad_token = self._tokenizer.eos_token
        tokens = self._tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt").to(
            self._device
        )
        with torch.inference_mode():
            if hasattr(self._model, "get_text_features"):
                return _array(self._model.get_text_features(**tokens))
            hidden = self._model(**tokens).last_hidden_state  # (n, T, d)
            mask = tokens["attention_mask"][:, :, None].to(hidden.dtype)
            return _array((hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1))

    def encode_images(self, paths: Sequence[Path]) -> Floats:
        import torch

        if self._processor is None:
            self._processor = self._library.AutoImageProcessor.from_pretrained(self._name)
        pixels = self._processor(images=_open_images(paths), return_tensors="pt").to(self._device)
        with torch.inference_mode():
            if hasattr(self._model, "get_image_features"):
                return _array(self._model.get_image_features(**pixels))
            found = self._model(**pixels)
            pooled = getattr(found, "pooler_output", None)
            return _array(found.last_hidden_state.mean(dim=1) if pooled is None else pooled)


class _SentenceTransformers:
    def __init__(self, name: str, device: str) -> None:
        library = _import("sentence_transformers", "An encoder sentence-transformers:NAME")
        self._model = library.SentenceTransformer(name, device=device)

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        return np.asarray(self._model.encode(list(texts), show_progress_bar=False), dtype=np.float32)

    def encode_images(self, paths: Sequence[Path]) -> Floats:
        return np.asarray(self._model.encode(_open_images(paths), show_progress_bar=False), dtype=np.float32)


class _OpenClip:
    def __init__(self, name: str, device: str) -> None:
        library = _import("open_clip", "An encoder open_clip:MODEL@PRETRAINED")
        model, _, pretrained = name.partition("@")
        self._device = device
        self._model, _, self._prepare = library.create_model_and_transforms(model, pretrained or None)
        self._model = self._model.to(device).eval()
        self._tokenize = library.get_tokenizer(model)

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        import torch

        with torch.inference_mode():
            return _array(self._model.encode_text(self._tokenize(list(texts)).to(self._device)))

    def encode_images(self, paths: Sequence[Path]) -> Floats:
        import torch

        pixels = torch.stack([self._prepare(image) for image in _open_images(paths)]).to(self._device)
        with torch.inference_mode():
            return _array(self._model.encode_image(pixels))


def _array(found: Tensor | Any) -> Floats:
    """Return features as an array; newer versions of transformers wrap them."""
    features = getattr(found, "pooler_output", found)
    return np.asarray(features.float().cpu().numpy(), dtype=np.float32)
