"""Stages divide a run, and schedules follow them; what is out of range is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.config import apply_overrides, load_config, to_dict
from longwave.errors import ConfigError
from longwave.training import ImageDataConfig, ImageStage, TrainConfig

STAGES = (
    ImageStage(rate=4.0, steps=3, bandlimit=0.25),
    ImageStage(rate=2.0, steps=2, bandlimit="none", restart=True),
    ImageStage(rate=1.0, steps=4),
)


def test_a_run_without_stages_is_one_stage_at_its_rate() -> None:
    assert ImageDataConfig(rate=4.0).stages_of(9) == (ImageStage(rate=4.0, steps=9),)


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, (0, 0, 3)), (2, (0, 2, 3)), (3, (1, 0, 6)), (5, (2, 2, 6)), (8, (2, 5, 6)), (20, (2, 17, 6))],
)
def test_a_step_has_a_stage_and_a_place_in_the_schedule(step: int, expected: tuple[int, ...]) -> None:
    place = ImageDataConfig(stages=STAGES).place(step, 9)
    assert (place.number, place.step, place.steps) == expected


@given(lengths=st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=5))
def test_schedules_of_stages_cover_the_run_without_gaps(lengths: list[tuple[int, bool]]) -> None:
    stages = tuple(ImageStage(steps=n, restart=restart) for n, restart in lengths)
    total = sum(n for n, _ in lengths)
    places = [ImageDataConfig(stages=stages).place(step, total) for step in range(total)]
    for before, after in itertools.pairwise(places):
        begins_anew = after.number > before.number and stages[after.number].restart
        assert after.step == (0 if begins_anew else before.step + 1)
        assert not begins_anew or before.step == before.steps - 1
    assert places[-1].step == places[-1].steps - 1


def test_the_rate_of_learning_starts_anew_with_a_stage_that_asks_for_it(image_run: TrainConfig) -> None:
    staged = replace(image_run, data=replace(image_run.images, rate=1.0, stages=STAGES), steps=9)
    assert [staged.schedule_place(step) for step in (0, 2, 3, 8)] == [(0, 3), (2, 3), (0, 6), (5, 6)]
    assert image_run.schedule_place(5) == (5, 8)
    longer = replace(image_run, optim=replace(image_run.optim, schedule_steps=20))
    assert longer.schedule_place(5) == (5, 20)


def test_a_run_of_images_comes_back_from_a_file(image_run: TrainConfig) -> None:
    staged = replace(image_run, data=replace(image_run.images, rate=1.0, stages=STAGES), steps=9)
    for config in (image_run, staged):
        assert load_config(TrainConfig, to_dict(config)) == config


def test_settings_reach_into_augmentation_and_kernels(image_run: TrainConfig) -> None:
    changed = apply_overrides(
        image_run, ["data.augment.flip=true", "model.trunk.s4nd.bandlimit=null", "data.label_smoothing=0.1"]
    )
    assert changed.images.augment.flip
    assert changed.image_model.trunk.s4nd.bandlimit is None


def test_an_unknown_key_of_a_stage_is_refused() -> None:
    with pytest.raises(ConfigError, match="bandlimt"):
        load_config(ImageDataConfig, {"stages": [{"steps": 3, "bandlimt": 0.5}]})


def test_stages_that_do_not_add_up_are_refused(image_run: TrainConfig) -> None:
    with pytest.raises(ConfigError, match='9 steps together, but "steps" is 8'):
        replace(image_run, data=replace(image_run.images, rate=1.0, stages=STAGES))


def test_a_schedule_of_its_own_length_does_not_go_with_restarts(image_run: TrainConfig) -> None:
    optim = replace(image_run.optim, schedule_steps=20)
    with pytest.raises(ConfigError, match="begins the schedule anew"):
        replace(image_run, data=replace(image_run.images, rate=1.0, stages=STAGES), steps=9, optim=optim)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 0.0}, "The rate is 0.0"),
        ({"size": 0}, '"size" is 0'),
        ({"n_train": 0}, '"n_train" is 0'),
        ({"seed": -1}, '"seed" is -1'),
        ({"validation_fraction": 1.0}, '"validation_fraction" is 1.0'),
        ({"label_smoothing": -0.1}, '"label_smoothing" is -0.1'),
        ({"rate": 2.0, "stages": STAGES}, "there are 3 stages"),
    ],
)
def test_data_out_of_range_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ImageDataConfig(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, '"steps" of a stage is 0'),
        ({"steps": 1, "bandlimit": 1.5}, '"bandlimit" of a stage is 1.5'),
        ({"steps": 1, "rate": -1.0}, "The rate is -1.0"),
    ],
)
def test_stages_out_of_range_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ImageStage(**values)


def test_runs_of_other_kinds_have_no_images(config: TrainConfig, image_run: TrainConfig) -> None:
    with pytest.raises(ConfigError, match="needs images"):
        _ = config.images
    with pytest.raises(ConfigError, match="needs a classifier"):
        _ = config.image_model
    with pytest.raises(ConfigError, match="needs a model of fields"):
        _ = image_run.field_model
