from longwave.scenarios import Instance, Reference, get_scenario


def test_label_is_the_first_right_reference():
    references = (
        Reference(text="a"),
        Reference(text="b", tags=("correct",)),
        Reference(text="c", tags=("correct",)),
    )
    assert Instance(id="0", input="", references=references, split="test").label == "b"


def test_label_is_none_without_a_right_reference():
    assert Instance(id="0", input="", references=(Reference(text="a"),), split="test").label is None


def test_key_holds_the_version():
    assert get_scenario("boolq").key == "boolq@1"
