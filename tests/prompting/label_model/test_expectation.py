"""EM of the latent-class model: one round against enumeration, likelihoods, prediction of new rows."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.prompting.label_model._expectation import Settings, fit_latent_classes
from longwave.prompting.label_model._rates import Strengths, estimate_rates
from longwave.prompting.label_model._start import first_posterior
from longwave.prompting.label_model.dependencies import find_dependencies
from longwave.prompting.label_model.generators import make_votes
from longwave.prompting.label_model.votes import VotePatterns


def start_of(votes, k, groups=()):
    patterns = VotePatterns.of(votes, k)
    return patterns, first_posterior(patterns, k, find_dependencies(patterns, k, groups)[0].agreement, groups)


@pytest.mark.parametrize("name", ["independent", "abstaining", "four-classes"])
def test_a_round_is_bayes_rule_with_the_estimated_rates(name):
    drawn = make_votes(name, 80, 0)
    k, votes = drawn.source.n_classes, drawn.votes
    patterns, start = start_of(votes, k)
    fit = fit_latent_classes(patterns, start, Settings(n_classes=k, max_iter=1))
    counts = np.zeros((votes.shape[1], k + 1, k))
    for row, q in zip(votes, start[patterns.inverse], strict=True):
        for j, vote in enumerate(row):
            counts[j, vote if vote >= 0 else k] += q
    rates, _ = estimate_rates(counts, Strengths(), is_shared=False, models_silence=False, learns=False)
    q = start[patterns.inverse]
    balance = (q.sum(axis=0) + 2) / (len(votes) + 2 * k)
    total = 0.0
    for i, row in enumerate(votes):
        p = balance.copy()
        for j, vote in enumerate(row):
            p = p * (rates[j, vote] if vote >= 0 else 1.0)
        total += np.log(p.sum())
        assert fit.posterior[patterns.inverse[i]] == pytest.approx(p / p.sum())
    assert fit.log_likelihood == pytest.approx(total)


@pytest.mark.parametrize("name", ["cliques", "abstaining-cliques", "telling-abstentions", "difficult"])
@pytest.mark.parametrize("silence", [False, True], ids=["ignored", "modelled"])
def test_prediction_agrees_with_the_fit_on_its_own_rows(name, silence):
    drawn = make_votes(name, 300, 0)
    groups = [[i, j] for i, j in sorted(drawn.source.edges)[:1]]
    patterns, start = start_of(drawn.votes, 2, groups)
    fit = fit_latent_classes(patterns, start, Settings(n_classes=2, groups=groups, models_silence=silence))
    assert fit.predict_proba(patterns.rows) == pytest.approx(fit.class_posterior())


def test_prompts_that_were_not_asked_say_nothing():
    drawn = make_votes("telling-abstentions", 500, 0)
    patterns, start = start_of(drawn.votes, 2)
    fit = fit_latent_classes(patterns, start, Settings(n_classes=2, models_silence=True))
    asked = np.array([True, False, True, False, False, False, False])
    changed = patterns.rows.copy()
    changed[:, ~asked] = -1
    assert fit.predict_proba(changed, asked) == pytest.approx(fit.predict_proba(patterns.rows, asked))
    assert fit.predict_proba(patterns.rows, np.zeros(7, dtype=bool))[0] == pytest.approx(fit.class_balance())


def test_part_of_a_group_speaks_for_it():
    drawn = make_votes("cliques", 500, 0)
    group = sorted({i for edge in drawn.source.edges for i in edge})
    patterns, start = start_of(drawn.votes, 2, [group])
    fit = fit_latent_classes(patterns, start, Settings(n_classes=2, groups=[group]))
    asked = np.zeros(drawn.votes.shape[1], dtype=bool)
    asked[group[0]] = True
    p = fit.predict_proba(np.array([[0] * len(asked), [1] * len(asked)]), asked)
    assert p[0, 0] > 0.5 > p[1, 0]


def test_more_rounds_do_not_lose_likelihood():
    drawn = make_votes("adversarial", 1000, 0)
    patterns, start = start_of(drawn.votes, 2)
    found = [
        fit_latent_classes(patterns, start, Settings(n_classes=2, max_iter=n, tol=0.0)).log_likelihood
        for n in (1, 2, 3, 4, 5)
    ]
    assert (np.diff(found) > -0.5).all()  # the penalised likelihood rises


def test_a_given_balance_is_kept():
    patterns, start = start_of(make_votes("independent", 200, 0).votes, 2)
    settings = Settings(n_classes=2, class_balance=np.array([0.3, 0.7]))
    assert fit_latent_classes(patterns, start, settings).class_balance() == pytest.approx([0.3, 0.7])


def test_a_score_is_likelihood_less_price():
    patterns, start = start_of(make_votes("independent", 200, 0).votes, 2)
    fit = fit_latent_classes(patterns, start, Settings(n_classes=2))
    assert fit.score(2.0) == pytest.approx(fit.log_likelihood - 2 * fit.n_free)
