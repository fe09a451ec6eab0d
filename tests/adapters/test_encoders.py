"""Encoders: batches, class prompts, what is missing; tiny random models of transformers made here."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from longwave.adapters.embeddings import Floats
from longwave.adapters.encoders import embed, embed_classes, open_encoder
from longwave.errors import ConfigError, DataError, MissingExtra, MissingFile, UnknownName

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "bird", "land", "water", "on")


class Letters:
    """Counts of a, b and c; as an encoder for these tests. Images are embedded by their names."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        self.batches.append(len(texts))
        return np.array([[text.count(letter) for letter in "abc"] for text in texts], dtype=np.float32)

    def encode_images(self, paths: Sequence[Path]) -> Floats:
        return self.encode_texts([path.stem for path in paths])


def test_batches_change_nothing_and_progress_is_told() -> None:
    texts, told = ["a", "ab", "cc", "abc", "b"], []
    encoder = Letters()
    found = embed(encoder, texts, batch_size=2, tell=lambda done, total: told.append((done, total)))
    np.testing.assert_array_equal(found, embed(Letters(), texts))
    assert (encoder.batches, told) == ([2, 2, 1], [(2, 5), (4, 5), (5, 5)])


def test_paths_are_images() -> None:
    assert embed(Letters(), [Path("/x/abb.png")]).tolist() == [[1, 2, 0]]


def test_a_class_is_the_direction_of_its_prompts_mean() -> None:
    found = embed_classes(Letters(), ["b_c", "aa"], templates=["a {}", "c {}"])
    first = np.array([[1, 1, 1], [0, 1, 2]]) / np.sqrt([[3], [5]])
    second = np.array([[3, 0, 0], [2, 0, 1]]) / np.sqrt([[9], [5]])
    want = np.stack([first.mean(axis=0), second.mean(axis=0)])
    np.testing.assert_allclose(found, want / np.linalg.norm(want, axis=1, keepdims=True), rtol=1e-6)


@pytest.mark.parametrize("templates", [[], ["no place"]])
def test_templates_need_a_place_for_the_name(templates: list[str]) -> None:
    with pytest.raises(ConfigError, match="Templates are"):
        embed_classes(Letters(), ["a"], templates=templates)


def test_inputs_that_cannot_be_embedded_are_told() -> None:
    with pytest.raises(DataError, match="nothing to embed"):
        embed(Letters(), [])
    with pytest.raises(DataError, match=r"1 texts are empty .the first is number 1"):
        embed(Letters(), ["a", " "])
    with pytest.raises(DataError, match="mixed"):
        embed(Letters(), ["a", Path("b.png")])
    with pytest.raises(ConfigError, match="batch_size is 0"):
        embed(Letters(), ["a"], batch_size=0)
    with pytest.raises(DataError, match="zero and have no direction"):
        embed(Letters(), ["xyz"])


@pytest.mark.parametrize("name", ["openclip:ViT", "hf"])
def test_libraries_have_names(name: str) -> None:
    with pytest.raises(UnknownName, match="Unknown library of encoders"):
        open_encoder(name)


def test_a_library_without_a_model_is_refused() -> None:
    with pytest.raises(ConfigError, match='"hf:" names no model'):
        open_encoder("hf:")


@pytest.mark.parametrize(
    ("name", "module", "error", "says"),
    [
        ("hf:x", "transformers", MissingExtra, r"longwave\[hf\]"),
        (
            "sentence-transformers:x",
            "sentence_transformers",
            ConfigError,
            "pip install sentence-transformers",
        ),
        ("open_clip:x", "open_clip", ConfigError, "pip install open_clip_torch"),
    ],
)
def test_a_missing_library_says_how_to_install_it(
    name: str, module: str, error: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(error, match=says):
        open_encoder(name)


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(DataError, match="cannot be loaded"):
        open_encoder(f"hf:{tmp_path / 'nothing'}")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a BERT of two layers with random weights and nine words."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def test_a_model_of_transformers_means_over_tokens_that_are_no_padding(bert: Path) -> None:
    encoder = open_encoder(f"hf:{bert}")
    alone = embed(encoder, ["a bird"])
    padded = embed(encoder, ["a bird", "a bird on land on water a bird"])
    assert padded.shape == (2, 8)
    np.testing.assert_allclose(padded[0], alone[0], atol=1e-5)
    assert np.abs(padded[0] - padded[1]).max() > 1e-3


def test_clip_projects_texts_and_images_into_one_space(bert: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    image = pytest.importorskip("PIL.Image")
    for path in bert.glob("*token*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.CLIPConfig(
        text_config={**sizes, "vocab_size": 9, "max_position_embeddings": 16, "eos_token_id": 3},
        vision_config={**sizes, "image_size": 16, "patch_size": 8},
        projection_dim=6,
    )
    transformers.CLIPModel(config).save_pretrained(tmp_path)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
    ).save_pretrained(tmp_path)
    pictures = []
    for place, colour in enumerate(("red", "blue")):
        pictures.append(tmp_path / f"{place}.png")
        image.new("RGB", (20, 24), colour).save(pictures[-1])
    encoder = open_encoder(f"hf:{tmp_path}")
    found = embed(encoder, pictures)
    assert found.shape == (2, 6)
    assert np.abs(found[0] - found[1]).max() > 1e-4
    with pytest.raises(MissingFile, match="There is no image"):
        embed(encoder, [tmp_path / "no.png"])
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="cannot be read as an image"):
        embed(encoder, [tmp_path / "bad.png"])


def test_sentence_transformers_and_open_clip_are_called_as_they_document(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch = importlib.import_module("torch")
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (4, 4), "red").save(tmp_path / "1.png")
    asked: list[object] = []

    def sentences(name: str, *, device: str) -> SimpleNamespace:
        asked.append((name, device))
        return SimpleNamespace(encode=lambda inputs, **_: np.ones((len(inputs), 3)))

    class Clip(torch.nn.Module):
        def encode_text(self, tokens: object) -> object:
            return torch.ones(len(tokens), 4)  # type: ignore[arg-type]

        def encode_image(self, pixels: object) -> object:
            return pixels.mean(dim=(2, 3)) + 1  # type: ignore[attr-defined]

    def create(model: str, pretrained: str | None) -> tuple[object, None, object]:
        asked.append((model, pretrained))
        return Clip(), None, lambda picture: torch.zeros(3, *picture.size)

    for name, parts in {
        "sentence_transformers": {"SentenceTransformer": sentences},
        "open_clip": {
            "create_model_and_transforms": create,
            "get_tokenizer": lambda _: lambda texts: torch.zeros(len(texts), 5),
        },
    }.items():
        module = ModuleType(name)
        vars(module).update(parts)
        monkeypatch.setitem(sys.modules, name, module)
    found = open_encoder("sentence-transformers:mini")
    assert embed(found, ["a", "b"]).shape == (2, 3)
    assert embed(found, [tmp_path / "1.png"]).shape == (1, 3)
    found = open_encoder("open_clip:ViT-B-32@laion")
    assert embed(found, ["a", "b"]).shape == (2, 4)
    assert embed(found, [tmp_path / "1.png"]).tolist() == [[1, 1, 1]]
    assert asked == [("mini", "cpu"), ("ViT-B-32", "laion")]
