"""How the server's process keeps the memory of a call for the next one.

Belongs here: the C library's allocator. Does not: bounds on calls (`body_limit`, `skill/admission`), which are what keeps memory small.
"""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 128_000_000
_MMAP_BYTES = 32 * 1024 * 1024
"""The most that glibc takes."""


def keep_memory() -> bool:
    """Let glibc keep up to 128 MB that are free; whether there is a glibc to tell.

    Calls of the skill hold several copies of megabytes. Given back after each, their pages are fetched and cleared again for the next: an
    eighth of a call's time.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt and mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES) and mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES))
