"""``Trainer`` on a tiny text: it learns, and its checkpoints go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

from longwave.hf import LongwaveForCausalLM
from longwave.models import LanguageModel

pytestmark = pytest.mark.slow

Make = Callable[..., LongwaveForCausalLM]
Arguments = Callable[..., TrainingArguments]
STEPS = 12


class Counting(Dataset[dict[str, Tensor]]):
    """Rows that count round to six, padded on the right."""

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        n = 9 + index % 7
        ids, mask = torch.zeros(16, dtype=torch.int64), torch.zeros(16, dtype=torch.int64)
        ids[:n], mask[:n] = 1 + (index + torch.arange(n)) % 6, 1
        return {"input_ids": ids, "attention_mask": mask, "labels": ids.masked_fill(mask == 0, -100)}


@pytest.fixture
def arguments(tmp_path: Path) -> Arguments:
    """Return a function that makes arguments for a few steps on a CPU."""

    def make(**changes: object) -> TrainingArguments:
        usual = {
            "output_dir": str(tmp_path),
            "max_steps": STEPS,
            "per_device_train_batch_size": 8,
            "learning_rate": 1e-2,
            "logging_steps": 1,
            "save_strategy": "no",
            "report_to": [],
            "disable_tqdm": True,
            "use_cpu": True,
            "seed": 0,
            "dataloader_pin_memory": False,
        }
        return TrainingArguments(**(usual | changes))

    return make


def losses(trainer: Trainer) -> list[float]:
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def test_training_lowers_the_loss(tiny: Make, arguments: Arguments) -> None:
    trainer = Trainer(tiny(), arguments(), train_dataset=Counting())
    trainer.train()
    found = losses(trainer)
    assert len(found) == STEPS
    assert found[-1] < 0.8 * found[0]


def test_accumulated_micro_batches_learn_what_the_batch_does(tiny: Make, arguments: Arguments) -> None:
    trained = []
    for micro, accumulation in ((8, 1), (2, 4)):
        options = arguments(
            max_steps=2, per_device_train_batch_size=micro, gradient_accumulation_steps=accumulation
        )
        trainer = Trainer(tiny(), options, train_dataset=Counting())
        trainer.train()
        trained.append(losses(trainer))
    assert trained[0] == pytest.approx(trained[1], rel=1e-3)


def test_evaluation_reports_the_loss(tiny: Make, arguments: Arguments) -> None:
    model = tiny()
    found = Trainer(model, arguments(), eval_dataset=Counting()).evaluate()["eval_loss"]
    rows = [Counting()[i] for i in range(64)]
    batch = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    assert found == pytest.approx(model(**batch).loss.item(), rel=0.05)  # a mean of means of batches


def test_a_checkpoint_is_a_folder_of_longwave(tiny: Make, arguments: Arguments, tmp_path: Path) -> None:
    model = tiny()
    options = arguments(max_steps=2, save_strategy="steps", save_steps=2)
    Trainer(model, options, train_dataset=Counting()).train()
    loaded = LanguageModel.from_pretrained(tmp_path / "checkpoint-2")
    ids = Counting()[0]["input_ids"][None]
    assert torch.equal(loaded(ids), model.eval()(ids).logits)


def test_training_goes_on_from_a_checkpoint(tiny: Make, arguments: Arguments, tmp_path: Path) -> None:
    whole = Trainer(tiny(), arguments(save_strategy="steps", save_steps=6), train_dataset=Counting())
    whole.train()
    resumed = Trainer(tiny(), arguments(), train_dataset=Counting())
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))
    assert losses(resumed)[-1] == pytest.approx(losses(whole)[-1], rel=1e-4)
