from longwave.scenarios.references import options, right_answers


def test_right_answers_are_all_right_and_no_text_comes_twice():
    found = right_answers(["b", "a", "b"])
    assert [(reference.text, reference.is_correct) for reference in found] == [("b", True), ("a", True)]


def test_the_right_option_is_the_one_of_that_text():
    assert [reference.is_correct for reference in options(["a", "b", "b"], "b")] == [False, True, True]


def test_nothing_given_is_no_reference():
    assert right_answers([]) == options([], "a") == ()
