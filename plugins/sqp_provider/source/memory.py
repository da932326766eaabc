"""How the allocator of this process treats the large buffers of a load."""

from __future__ import annotations

import ctypes

# Of <malloc.h>; numbers, because the C library exports no names for them.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8

LARGE_BYTES = 1 << 16
"""From this size on, a freed buffer goes back to the system at once."""


def return_large_buffers() -> None:
    """Tell glibc to return what is freed; another C library does as it likes.

    A message of BigQuery is megabytes, and gRPC, protobuf and Python each hold a copy for a moment, gRPC in many
    smaller buffers. Left alone, glibc keeps the freed ones, for each thread apart.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for setting, value in ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, LARGE_BYTES), (_M_TRIM_THRESHOLD, LARGE_BYTES)):
        mallopt(setting, value)
