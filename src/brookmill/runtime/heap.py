"""The C heap of a worker: glibc must keep memory that it got, or batches fault it in again and again."""

from __future__ import annotations

import ctypes

#: Parameters of mallopt(3).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3

_MIB = 1024 * 1024


def keep_heap(limit: int = 1024 * _MIB) -> bool:
    """Let the heap keep up to ``limit`` bytes of freed memory, and grow in steps of at most 32 MiB.

    Call it once at the start of a worker, with its memory limit. Without it the same pipeline runs at half
    the speed at random: each batch's results are freed together, the top of the heap goes back to the
    kernel, and the next batch pays for every page anew. False where the C library has no mallopt.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    bound = min(limit, 2**31 - 1)
    settings = ((_M_TRIM_THRESHOLD, bound), (_M_TOP_PAD, min(32 * _MIB, bound)), (_M_MMAP_THRESHOLD, bound))
    answers = [mallopt(parameter, value) for parameter, value in settings]
    return all(answer == 1 for answer in answers)
