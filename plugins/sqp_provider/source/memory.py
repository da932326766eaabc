"""Make the C library return the large buffers of a load to the system."""

from __future__ import annotations

import ctypes

# From <malloc.h>. They are numbers, because the C library exports no names for them.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8

LARGE_BYTES = 1 << 21
"""A freed buffer of at least this size goes back to the system at once. With smaller ones, the system spends a sixth of
the load's processor time on handing out the same pages again."""


def return_large_buffers() -> None:
    """Make glibc return freed buffers to the system; do nothing with another C library.

    A message from BigQuery has megabytes. gRPC, protobuf and Python each hold a copy for a short time, gRPC in many
    smaller buffers. By default glibc keeps the freed buffers, separately for each thread.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for setting, value in ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, LARGE_BYTES), (_M_TRIM_THRESHOLD, LARGE_BYTES)):
        mallopt(setting, value)
