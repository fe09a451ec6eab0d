"""The filter of system calls, run step by step as the kernel would."""

from __future__ import annotations

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

if sys.platform != "linux":
    pytest.skip("only Linux has these calls", allow_module_level=True)

from longwave.sandbox import _kernel

X86_64 = _kernel._MACHINES["x86_64"][1]
ALLOW, REFUSE = 0x7FFF0000, 0x00050001


def _verdict(code: bytes, number: int, machine: int) -> int:
    steps, place, loaded = list(struct.iter_unpack("=HBBI", code)), 0, 0
    while True:
        operation, if_true, if_false, value = steps[place]
        place += 1
        if operation == 0x20:
            loaded = (number, machine)[value // 4]
        elif operation == 0x06:
            return value
        else:
            holds = loaded == value if operation == 0x15 else loaded >= value
            place += if_true if holds else if_false


@given(
    denied=st.lists(st.integers(0, 500), min_size=1, max_size=40, unique=True),
    number=st.integers(0, 600),
)
def test_filter_refuses_what_is_listed_and_nothing_else(denied, number):
    verdict = _verdict(_kernel._filter(denied, X86_64), number, X86_64)
    assert verdict == (REFUSE if number in denied else ALLOW)


@pytest.mark.parametrize("machine", [0x40000003, 0xC00000B7, 0], ids=["i386", "aarch64", "none"])
def test_filter_refuses_calls_of_other_machines(machine):
    assert _verdict(_kernel._filter([41], X86_64), 1, machine) == REFUSE


def test_filter_refuses_the_second_numbering_of_x86_64():
    assert _verdict(_kernel._filter([41], X86_64), 0x40000000 | 1, X86_64) == REFUSE


@pytest.mark.parametrize("column", [0, 1], ids=["x86_64", "aarch64"])
def test_no_call_is_listed_twice(column):
    numbers = [pair[column] for pair in _kernel._DENIED.values()]
    assert len(numbers) == len(set(numbers))


def test_failed_call_is_told_with_its_name():
    with pytest.raises(OSError, match="mount of tmpfs on /no/such/place: No such file or directory"):
        _kernel.mount_tmpfs("/no/such/place", "size=4k")


def test_filter_is_left_out_on_machines_whose_numbers_are_not_known(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "vax")
    assert not _kernel.deny_calls()
