from __future__ import annotations

import asyncio
import threading

import pytest

from longwave.clients.threads import iterate_in_thread


def flat(groups):
    return [item for group in groups for item in group]


def test_items_come_in_the_order_they_were_emitted():
    async def work(emit):
        for item in range(100):
            emit(item)
            await asyncio.sleep(0)

    assert flat(iterate_in_thread(work)) == list(range(100))


def test_none_is_an_item_like_any_other():
    async def work(emit):
        emit(None)

    assert flat(iterate_in_thread(work)) == [None]


def test_nothing_emitted_is_nothing_yielded():
    async def work(emit):
        pass

    assert list(iterate_in_thread(work)) == []


def test_an_error_comes_after_what_was_emitted():
    async def work(emit):
        emit(1)
        raise ValueError("then this")

    got = []
    groups = (got.extend(group) for group in iterate_in_thread(work))
    with pytest.raises(ValueError, match="then this"):
        list(groups)
    assert got == [1]


def test_items_are_handed_over_while_the_work_goes_on():
    may_end = threading.Event()

    async def work(emit):
        emit(1)
        await asyncio.to_thread(may_end.wait)
        emit(2)

    groups = iterate_in_thread(work)
    assert next(groups) == [1]
    may_end.set()
    assert flat(groups) == [2]


def test_who_stops_early_cancels_the_work():
    seen = []

    async def work(emit):
        emit(1)
        try:
            await asyncio.Event().wait()  # for ever
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    groups = iterate_in_thread(work)
    next(groups)
    groups.close()
    assert seen == ["cancelled"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("longwave-requests")]


def test_it_works_inside_a_running_event_loop():
    async def work(emit):
        emit(asyncio.get_running_loop())

    async def notebook():
        return asyncio.get_running_loop(), flat(iterate_in_thread(work))

    outer, (inner,) = asyncio.run(notebook())
    assert inner is not outer
