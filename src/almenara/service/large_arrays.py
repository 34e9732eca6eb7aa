"""Large arrays go back to the system when they are let go of, so that a process holds what its state holds."""

import ctypes

_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_LARGE_BYTES = 256 * 1024


def give_back() -> bool:
    """Keep arrays from 256 kB on apart from the heap; False where the C library is not glibc, and nothing is done.

    By default glibc raises that bound to the largest array freed so far, up to 32 MB (mallopt(3)). Columns that grow
    for weeks then leave holes in the heap that are never given back: a quarter of a watch's memory.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES))
    except AttributeError:
        return False
