from __future__ import annotations

import numpy as np

from longwave.monitoring.classes import plain_label, sort_classes


def test_no_answer_is_a_class_at_the_end():
    assert sort_classes({"b", None, 2, "a"}) == (2, "a", "b", None)


def test_numpy_scalars_become_plain():
    assert type(plain_label(np.int16(4))) is int
