"""Many things, each loaded, worked on and stored: a thread loads the next one and another stores the last meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")
Made = TypeVar("Made")
Stored = TypeVar("Stored")


def overlapped(
    items: Iterable[Item],
    load: Callable[[Item], Loaded],
    work: Callable[[Item, Loaded], Made],
    store: Callable[[Item, Made], Stored],
    *,
    forgive: type[Exception] | tuple[type[Exception], ...] = (),
    ahead: int = 1,
) -> Generator[tuple[Item, Stored | Exception], None, None]:
    """Do with every item what `store(item, work(item, load(item)))` does, in order.

    `load` runs in one thread and `store` in another; `work` runs in the caller's, and so do the progress that it shows
    and what interrupts it. Whatever ends the run early, what was worked on before is stored before the iterator ends:
    use `contextlib.closing`, so that this is not left to the garbage collector.

    Args:
        items: Taken one at a time, in the caller's thread.
        load: The first step, such as decoding.
        work: The one that takes the processor.
        store: The last, such as encoding.
        forgive: Errors of one item, in any step, that do not end the run.
        ahead: Items that may wait before and behind `work`, so many each.

    Yields:
        (item, what `store` returned or the forgiven error), in the order of the items.

    Raises:
        Exception: Any other error of a step, when its item's turn comes.
    """
    source = iter(items)
    loading: deque[tuple[Item, Future[Loaded]]] = deque()
    storing: deque[tuple[Item, Future[Stored]]] = deque()
    with ThreadPoolExecutor(1, "store") as storer, ThreadPoolExecutor(1, "load") as loader:

        def load_next() -> None:
            for item in source:
                loading.append((item, loader.submit(load, item)))
                return

        def outcome(item: Item, future: Future[Stored]) -> tuple[Item, Stored | Exception]:
            try:
                return item, future.result()
            except forgive as error:
                return item, error

        try:
            for _ in range(ahead):
                load_next()
            while loading:
                item, loaded = loading.popleft()
                load_next()
                try:
                    made = work(item, loaded.result())
                except forgive as error:
                    failed: Future[Stored] = Future()
                    failed.set_exception(error)
                    storing.append((item, failed))
                else:
                    storing.append((item, storer.submit(store, item, made)))
                    del made
                del loaded
                while len(storing) > ahead:
                    yield outcome(*storing.popleft())
            while storing:
                yield outcome(*storing.popleft())
        finally:
            for _, waiting in loading:
                waiting.cancel()
