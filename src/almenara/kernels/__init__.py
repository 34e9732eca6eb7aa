"""The inner loops: arrays in, arrays out, compiled by numba, knowing nothing of Almenara."""

import hashlib
from contextlib import suppress
from pathlib import Path


def _drop_stale_code() -> None:
    """Remove cached machine code that was compiled from other sources than these.

    numba compares a function with its own file only, not with the files it calls into: after an edit of one kernel
    the cached code of another could still hold the old one, and read memory by an old layout.
    """
    here = Path(__file__).parent
    cache = here / "__pycache__"
    total = hashlib.sha256()
    for source in sorted(here.glob("*.py")):
        total.update(source.read_bytes())
    stamp = cache / "sources.sha256"
    with suppress(OSError):  # a read-only installation has no cache here to be stale
        if stamp.exists() and stamp.read_text() == total.hexdigest():
            return
        for compiled in cache.glob("*.nb?"):
            compiled.unlink(missing_ok=True)
        stamp.write_text(total.hexdigest())


_drop_stale_code()
