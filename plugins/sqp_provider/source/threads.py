"""Read streams in threads. The threads read only a few batches ahead, which bounds the memory of a load."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from queue import Empty, Full, Queue
from typing import Any, TypeVar

from sqp_provider.core.errors import SourceUnreachable

BATCHES_WAITING = 2
"""How many batches may wait for their consumer. As they were received, they have megabytes each."""

PIECES_WAITING = 8
"""How many encoded pieces may, about a megabyte each: what Postgres stores while the next message is received."""

STALL_SECONDS = 300.0
"""How long a read waits for the next batch before the connection counts as lost."""

T = TypeVar("T")


def interleaved(
    streams: Sequence[Iterator[T]],
    hang_up: Callable[[], None],
    stall_seconds: float = STALL_SECONDS,
    waiting: int = BATCHES_WAITING,
) -> Generator[T]:
    """Yield the batches of several streams as they come. Each stream is read by its own thread.

    A reader's error is raised here.

    :param hang_up: always called at the end; without it the server waits for ever for an abandoned stream.
    :param waiting: the readers stop when so many batches wait for the consumer.
    :raises SourceUnreachable: no stream sent anything for ``stall_seconds``.
    """
    ready: Queue[Any] = Queue(maxsize=waiting)
    stopped = threading.Event()
    readers = [threading.Thread(target=_read, args=(stream, ready, stopped), daemon=True) for stream in streams]
    for reader in readers:
        reader.start()
    try:
        unfinished = len(readers)
        while unfinished:
            item = _next_item(ready, stall_seconds)
            if item is None:
                unfinished -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
            del item
    finally:
        stopped.set()
        hang_up()
        for reader in readers:
            reader.join(timeout=5)


def _read(stream: Iterator[Any], ready: Queue[Any], stopped: threading.Event) -> None:
    def offer(item: Any) -> None:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except Full:
                continue
            return

    try:
        for batch in stream:
            offer(batch)
            del batch
            if stopped.is_set():
                return
        offer(None)
    except BaseException as error:  # the consumer must get every error, or it waits for ever
        offer(error)
    finally:
        if isinstance(stream, Generator):
            stream.close()


def _next_item(ready: Queue[Any], stall_seconds: float) -> Any:
    try:
        return ready.get(timeout=stall_seconds)
    except Empty:
        raise SourceUnreachable(
            f"BigQuery sent nothing for {stall_seconds:.0f} seconds. The target is unchanged. "
            "Airflow tries the task again."
        ) from None
