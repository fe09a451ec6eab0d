"""Blocks of anchors: roles as the rules say, every point once, draws uniform and deterministic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from longwave.adapters import AdapterConfig
from longwave.adapters.blocks import BlockSampler
from longwave.adapters.contrastive_loss import contrastive_loss
from longwave.adapters.network import AdapterNet
from longwave.adapters.sampling import Cells

Ints = NDArray[np.int64]


def _points(
    rng: np.random.Generator, n: int = 41, width: int = 6, n_classes: int = 3
) -> tuple[Tensor, Cells]:
    x = torch.from_numpy(rng.standard_normal((n, width)))
    y, predicted = rng.integers(n_classes, size=(2, n))
    return x, Cells(y=y, predicted=predicted, n_classes=n_classes)


def nearest_set(x: Tensor, i: int, k: int) -> set[int]:
    """Sort the cosines of one point with all others and take the first k."""
    cosines = [float(F.cosine_similarity(x[i], x[j], dim=0)) for j in range(len(x))]
    others = sorted((j for j in range(len(x)) if j != i), key=lambda j: -cosines[j])
    return set(others[:k])


def _wrong(cells: Cells) -> Ints:
    return np.flatnonzero(~cells.is_right)


@pytest.mark.parametrize(("p", "n", "k"), [(5, 4, 9), (100, 100, 100), (1, 1, 1), (3, 50, 10)], ids=str)
def test_every_role_is_one_that_the_rules_allow(p: int, n: int, k: int, rng: np.random.Generator) -> None:
    x, cells = _points(rng)
    anchors = _wrong(cells)[:7]
    block = BlockSampler(x, cells, p, n, k).draw(anchors, rng)
    points = block.points.numpy()
    for row, anchor in enumerate(anchors):
        assert points[block.anchors[row]] == anchor
        positives = points[block.positives[row].numpy()]
        right = np.flatnonzero(cells.is_right & (cells.y == cells.y[anchor]))
        assert set(positives) <= set(right)
        assert len(positives) == min(p, len(right))
        negatives = points[block.negatives[row].numpy()]
        near = nearest_set(x, int(anchor), min(k, len(x) - 1))
        assert set(negatives) <= {j for j in near if cells.y[j] != cells.y[anchor]}
        assert len(negatives) <= n


def test_all_neighbours_of_other_classes_are_negatives_when_none_are_left_out(
    rng: np.random.Generator,
) -> None:
    x, cells = _points(rng)
    anchors = _wrong(cells)
    block = BlockSampler(x, cells, 100, 9, 9).draw(anchors, rng)
    for row, anchor in enumerate(anchors):
        near = nearest_set(x, int(anchor), 9)
        found = set(block.points[block.negatives[row]].tolist())
        assert found == {j for j in near if cells.y[j] != cells.y[anchor]}


def test_points_are_distinct_and_all_have_a_role(rng: np.random.Generator) -> None:
    x, cells = _points(rng)
    anchors = np.repeat(_wrong(cells)[:3], 2)  # drawn twice, encoded once
    block = BlockSampler(x, cells, 4, 3, 8).draw(anchors, rng)
    has_role = block.positives.any(dim=0) | block.negatives.any(dim=0)
    has_role[block.anchors] = True
    assert has_role.all()
    assert len(block.points.unique()) == len(block.points)


def test_draws_depend_on_the_generator_alone(rng: np.random.Generator) -> None:
    x, cells = _points(rng)
    sampler = BlockSampler(x, cells, 3, 3, 9)
    first = sampler.draw(_wrong(cells)[:5], np.random.default_rng(5))
    second = sampler.draw(_wrong(cells)[:5], np.random.default_rng(5))
    assert torch.equal(first.points, second.points)
    assert torch.equal(first.negatives, second.negatives)


def test_each_neighbour_is_drawn_equally_often(rng: np.random.Generator) -> None:
    x, cells = _points(rng)
    anchor = _wrong(cells)[:1]
    sampler = BlockSampler(x, cells, 2, 4, 8)
    candidates = sorted(j for j in nearest_set(x, int(anchor[0]), 8) if cells.y[j] != cells.y[anchor[0]])
    counts = dict.fromkeys(candidates, 0)
    rounds = 1200
    for _ in range(rounds):
        block = sampler.draw(anchor, rng)
        for j in block.points[block.negatives[0]].tolist():
            counts[j] += 1
    shares = np.array(list(counts.values())) / rounds
    assert np.abs(shares - 4 / 8).max() < 4.5 * (0.25 / rounds) ** 0.5


def test_anchors_of_a_class_without_rightly_predicted_points_have_no_positive(
    rng: np.random.Generator,
) -> None:
    x, cells = _points(rng)
    predicted = np.where(cells.y == 1, 2, cells.predicted)
    cells = Cells(y=cells.y, predicted=predicted, n_classes=3)
    anchors = np.flatnonzero(cells.y == 1)
    block = BlockSampler(x, cells, 4, 3, 8).draw(anchors, rng)
    assert not block.positives.any()


def test_a_set_without_wrong_predictions_makes_a_sampler(rng: np.random.Generator) -> None:
    x, cells = _points(rng)
    all_right = Cells(y=cells.y, predicted=cells.y, n_classes=3)
    block = BlockSampler(x, all_right, 4, 3, 8).draw(np.array([2]), rng)
    assert not block.negatives.any()
    assert block.positives.sum() == 4


def test_the_loss_of_a_block_equals_a_loop_over_anchors_and_their_own_rows(rng: np.random.Generator) -> None:
    """Encode anchor, positives and negatives of every anchor apart, as the published code does; eval mode."""
    x, cells = _points(rng)
    net = AdapterNet(6, AdapterConfig(hidden=4), torch.Generator().manual_seed(1)).double().eval()
    anchors = _wrong(cells)
    block = BlockSampler(x, cells, 5, 6, 9).draw(anchors, rng)
    fast = contrastive_loss(
        net.cosines(x[block.points], block.anchors) / 0.1, block.positives, block.negatives
    )
    for row, anchor in enumerate(anchors):
        z = net(x[anchor][None])
        s_p = F.cosine_similarity(z, net(x[block.points[block.positives[row]]])) / 0.1
        s_n = F.cosine_similarity(z, net(x[block.points[block.negatives[row]]])) / 0.1
        slow = -(s_p - (s_p.exp() + s_n.exp().sum()).log()).mean() if len(s_p) else s_p.sum()
        assert fast[row].item() == pytest.approx(slow.item(), rel=1e-6, abs=1e-9)


def test_the_gradient_of_a_block_equals_that_of_a_loop(rng: np.random.Generator) -> None:
    x, cells = _points(rng)
    config = AdapterConfig(hidden=4)
    fast, slow = (AdapterNet(6, config, torch.Generator().manual_seed(1)).double().eval() for _ in range(2))
    anchors = _wrong(cells)[:6]
    block = BlockSampler(x, cells, 5, 6, 9).draw(anchors, rng)
    contrastive_loss(
        fast.cosines(x[block.points], block.anchors) / 0.1, block.positives, block.negatives
    ).sum().backward()
    total = x.new_zeros(())
    for row, anchor in enumerate(anchors):
        z = slow(x[anchor][None])
        s_p = F.cosine_similarity(z, slow(x[block.points[block.positives[row]]])) / 0.1
        s_n = F.cosine_similarity(z, slow(x[block.points[block.negatives[row]]])) / 0.1
        total = total - (s_p - (s_p.exp() + s_n.exp().sum()).log()).mean()
    total.backward()
    for ours, theirs in zip(fast.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-8)
