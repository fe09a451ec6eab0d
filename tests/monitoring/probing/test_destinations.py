from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaln

from longwave.monitoring.probing.destinations import MASSES, find_destinations
from longwave.monitoring.probing.strata import make_strata


def _strata():
    labels = ["a"] * 40 + ["b"] * 40 + ["c"] * 20
    before = ["a"] * 30 + ["b"] * 10 + ["b"] * 40 + ["c"] * 15 + ["a"] * 5
    return make_strata(labels, before, max_strata=10)


def test_laws_are_probabilities_of_other_answers():
    strata = _strata()
    to = find_destinations(strata, np.full(100, -1), 3)
    law = to.mean()
    np.testing.assert_allclose(law.sum(axis=1), 1)
    assert (law >= 0).all()
    assert (law[np.arange(len(law)), to.before] == 0).all()


def test_right_answers_become_the_errors_made_before():
    to = find_destinations(_strata(), np.full(100, -1), 3)
    (place,) = np.flatnonzero((to.label == 0) & (to.before == 0))
    assert to.mean()[place, 1] > 0.9  # "a" was mistaken for "b" ten times, never for "c"


def test_wrong_answers_are_mended_as_often_as_was_seen():
    strata = _strata()
    after = np.full(100, -1)
    after[30:38] = [
        0,
        0,
        0,
        0,
        0,
        0,
        2,
        1,
    ]  # of ten "a" taken for "b": six mended, one otherwise, one as before
    to = find_destinations(strata, after, 3)
    assert to.n_moved == 7
    assert to.n_fixed.sum() == 6
    assert to.fixed_share() == pytest.approx(7 / 9)
    (place,) = np.flatnonzero((to.label == 0) & (to.before == 1))
    assert to.mean()[place, 0] == pytest.approx(7 / 9)
    assert to.rest[place] == 2


def test_draws_of_the_mended_share_average_to_it(rng):
    after = np.full(100, -1)
    after[30:38] = [0, 0, 0, 0, 0, 0, 2, 1]
    draws = find_destinations(_strata(), after, 3).draw_fixed(rng, 20_000)
    assert draws.mean() == pytest.approx(7 / 9, abs=0.005)


def test_with_two_classes_a_wrong_answer_can_only_be_mended(rng):
    strata = make_strata(["a", "b"] * 20, ["a", "a"] * 20, max_strata=4)
    to = find_destinations(strata, np.full(40, -1), 2)
    np.testing.assert_allclose(to.mean(), [[0, 1], [0, 1]])
    assert (to.draw_fixed(rng, 5) == 1).all()


def _slow_mass(strata, after, to_law):
    """Average log masses over their Dirichlet-multinomial likelihood, pair by pair."""
    logs = np.zeros(len(MASSES))
    moved = (after >= 0) & (after != strata.before)
    for k in range(strata.n_strata):
        rows = np.flatnonzero(moved & (strata.stratum == k))
        if not len(rows):
            continue
        law = to_law(strata.labels[rows[0]], strata.before[rows[0]])
        counts = np.bincount(after[rows], minlength=3)
        for place, m in enumerate(MASSES):
            for z in np.flatnonzero(counts):
                logs[place] += gammaln(m * law[z] + counts[z]) - gammaln(m * law[z])
            logs[place] -= gammaln(m + counts.sum()) - gammaln(m)
    weights = np.exp(logs - logs.max())
    return float(np.exp(weights @ np.log(MASSES) / weights.sum()))


def test_the_mass_is_learned_by_likelihood():
    strata = _strata()
    after = np.full(100, -1)
    after[:12] = [1, 1, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0]
    after[40:44] = [0, 0, 0, 1]
    to = find_destinations(strata, after, 3)

    def law_of(label, before):
        (place,) = np.flatnonzero((to.label == label) & (to.before == before))
        return to.mean()[place]

    assert to.mass == pytest.approx(_slow_mass(strata, after, law_of))


def test_without_changes_the_mass_is_the_middle_of_its_grid():
    to = find_destinations(_strata(), np.full(100, -1), 3)
    assert to.mass == pytest.approx(np.exp(np.log(MASSES).mean()))
