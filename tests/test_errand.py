"""Errands: coroutines that run without a task."""

import asyncio
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from runtime.errand import Errand
from tests.stream_house import played

WORD: ContextVar[str] = ContextVar("word", default="")


class Ends:
    """Takes note of what ended."""

    def __init__(self) -> None:
        self.ended: list[BaseException | None] = []

    def __call__(self, errand: Errand) -> None:
        self.ended.append(errand.error)


@played
async def test_it_begins_at_once_and_goes_on_when_what_it_waits_for_is_done():
    steps: list[str] = []
    first, second = (asyncio.get_running_loop().create_future() for _ in range(2))

    async def work() -> None:
        steps.append("begun")
        steps.append(await first)
        steps.append(await second)

    ends = Ends()
    Errand(work(), ends).begin(copy_context())
    assert steps == ["begun"]
    first.set_result("one")
    await asyncio.sleep(0)
    assert (steps, ends.ended) == (["begun", "one"], [])
    second.set_result("two")
    await asyncio.sleep(0)
    assert (steps, ends.ended) == (["begun", "one", "two"], [None])


@played
async def test_what_need_not_wait_ends_at_once():
    async def work() -> None:
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        await done

    ends = Ends()
    Errand(work(), ends).begin(copy_context())
    assert ends.ended == [None]


@pytest.mark.parametrize("waits", [False, True])
def test_an_error_is_kept_for_whoever_began_it(waits: bool):
    @played
    async def scenario():
        future = asyncio.get_running_loop().create_future()

        async def work() -> None:
            if waits:
                await future
            raise ValueError("a bug")

        ends = Ends()
        Errand(work(), ends).begin(copy_context())
        future.set_result(None)
        await asyncio.sleep(0)
        (error,) = ends.ended
        assert isinstance(error, ValueError)

    scenario()


@played
async def test_it_hears_the_error_of_what_it_waits_for():
    future = asyncio.get_running_loop().create_future()
    heard: list[Any] = []

    async def work() -> None:
        try:
            await future
        except KeyError as error:
            heard.append(error.args)

    ends = Ends()
    Errand(work(), ends).begin(copy_context())
    future.set_exception(KeyError("gone"))
    await asyncio.sleep(0)
    assert (heard, ends.ended) == ([("gone",)], [None])


@played
async def test_who_cancels_it_cancels_what_it_waits_for():
    future = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await future

    ends = Ends()
    errand = Errand(work(), ends)
    errand.begin(copy_context())
    assert errand.cancel("the server stops")
    await asyncio.sleep(0)
    assert future.cancelled()
    (error,) = ends.ended
    assert isinstance(error, asyncio.CancelledError)


@played
async def test_each_goes_on_with_the_variables_that_it_had():
    first, second = (asyncio.get_running_loop().create_future() for _ in range(2))
    heard: list[str] = []
    context = copy_context()

    async def work(word: str, until: "asyncio.Future[None]") -> None:
        WORD.set(word)
        await until
        heard.append(WORD.get())

    ends = Ends()
    for word, until in (("one", first), ("two", second)):
        Errand(work(word, until), ends).begin(context)
    assert WORD.get() == ""
    second.set_result(None)
    first.set_result(None)
    await asyncio.sleep(0)
    assert heard == ["two", "one"]


@played
async def test_it_waits_for_nothing_but_futures():
    async def work() -> None:
        await asyncio.sleep(0)

    with pytest.raises(AssertionError):
        Errand(work(), Ends()).begin(copy_context())
