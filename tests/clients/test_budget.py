from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients.budget import Budget, Price, Usage, load_price
from longwave.errors import BudgetExceeded, ConfigError, MissingFile, UnknownName

DOLLAR = Price(usd_in=1.0, usd_out=1.0)  # a million tokens


def tokens(count):
    return Usage(tokens_in=count, tokens_out=0)


def test_prompts_and_completions_have_their_prices():
    assert Price(usd_in=2.5, usd_out=10.0).of(Usage(tokens_in=2000, tokens_out=100)) == pytest.approx(0.006)


def test_usages_add_up():
    total = Usage(tokens_in=1, tokens_out=2) + Usage(tokens_in=3, tokens_out=4)
    assert total == Usage(tokens_in=4, tokens_out=6)


def test_what_is_reserved_is_settled_at_its_real_price():
    budget = Budget(DOLLAR, max_usd=1.0)
    assert budget.reserve(tokens(600_000))
    assert budget.reserved_usd == pytest.approx(0.6)
    budget.settle(tokens(600_000), tokens(100_000))
    assert (budget.spent_usd, budget.reserved_usd) == (pytest.approx(0.1), 0.0)


def test_requests_wait_for_money_that_may_come_back():
    budget = Budget(DOLLAR, max_usd=1.0)
    assert budget.reserve(tokens(600_000))
    assert not budget.reserve(tokens(600_000))
    budget.settle(tokens(600_000), None)
    assert budget.reserve(tokens(600_000))


def test_nothing_under_way_and_no_money_is_the_end():
    budget = Budget(DOLLAR, max_usd=1.0)
    with pytest.raises(BudgetExceeded, match="limit of 1 US dollars is reached: 0 are spent"):
        budget.reserve(tokens(1_000_001))


def test_a_limit_may_be_spent_to_the_last_cent():
    assert Budget(DOLLAR, max_usd=1.0).reserve(tokens(1_000_000))


def test_a_limit_of_nothing_sends_what_is_free():
    assert Budget(Price(usd_in=0.0, usd_out=0.0), max_usd=0.0).reserve(tokens(10))


def test_without_prices_nothing_is_counted():
    budget = Budget(None)
    assert budget.reserve(tokens(10**12))
    budget.settle(tokens(10**12), tokens(5))
    assert budget.spent_usd == 0.0


@given(st.lists(st.tuples(st.integers(0, 500_000), st.floats(0, 1)), max_size=30))
def test_spending_never_passes_the_limit(requests):
    budget = Budget(DOLLAR, max_usd=1.0)
    for highest, share in requests:
        try:
            budget.reserve(tokens(highest))
        except BudgetExceeded:
            continue
        budget.settle(tokens(highest), tokens(int(highest * share)))
    assert budget.spent_usd <= 1.0 + 1e-9
    assert budget.reserved_usd == 0.0


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "prices.toml"

    def write(text):
        path.write_text(text, "utf-8")
        return path

    return write


def test_prices_come_from_a_file_of_ones_own(file):
    path = file('["org/model-1"]\nin = 0.5\nout = 2\n')
    assert load_price(path, "org/model-1") == Price(usd_in=0.5, usd_out=2.0)


def test_a_model_without_a_price_lists_the_nearest(file):
    with pytest.raises(UnknownName, match='Did you mean "model-1"'):
        load_price(file("[model-1]\nin = 1\nout = 1"), "model-2")


def test_a_missing_file_of_prices_is_named(tmp_path):
    with pytest.raises(MissingFile, match=r"none\.toml"):
        load_price(tmp_path / "none.toml", "m")


@pytest.mark.parametrize("text", ["[m", "\x00", "m = = 1"])
def test_a_file_that_is_no_toml_is_refused(file, text):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_price(file(text), "m")


@pytest.mark.parametrize(
    "entry",
    [
        "m = 3",
        "[m]\nin = 1",
        "[m]\nin = -1\nout = 1",
        "[m]\nin = 'a'\nout = 1",
        "[m]\nin = true\nout = 1",
        "[m]\nin = nan\nout = 1",
        "[m]\nin = 1\nout = 1\nper = 2",
    ],
)
def test_a_price_is_two_numbers(file, entry):
    with pytest.raises(ConfigError, match="two numbers of at least 0"):
        load_price(file(entry), "m")
