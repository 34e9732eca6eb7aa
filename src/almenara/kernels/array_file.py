"""Named arrays in one file that is opened by mapping it: a line of JSON that says where each lies, then the arrays."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGN = 64
_HEAD_BYTES_MAX = 1 << 20


def save(path: Path, about: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Write arrays and facts about them; the file is there whole or not at all.

    Raises ValueError for an array of objects.
    """
    places: dict[str, Any] = {}
    at = 0
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"{name} is an array of objects, which no file can hold")
        places[name] = {"dtype": array.dtype.str, "shape": array.shape, "at": at}
        at += -(-array.nbytes // _ALIGN) * _ALIGN
    head = json.dumps({"about": about, "arrays": places, "bytes": at}, separators=(",", ":")).encode()
    head += b" " * (-(len(head) + 1) % _ALIGN) + b"\n"
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            file.write(head)
            for array in arrays.values():
                file.write(np.ascontiguousarray(array).data)
                file.write(b"\0" * (-array.nbytes % _ALIGN))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def load(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `save` wrote. Arrays are views of private pages of the file: nothing is read before it is used.

    Raises ValueError where the file is of another kind or cut short.
    """
    with path.open("rb") as file:
        line = file.readline(_HEAD_BYTES_MAX)
    try:
        head = json.loads(line)
        about, places, size = head["about"], head["arrays"], head["bytes"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a file of arrays: {error}") from error
    if path.stat().st_size != len(line) + size:
        raise ValueError(f"{path} has {path.stat().st_size} bytes where {len(line) + size} belong: it was cut short")
    # Mode "c" (copy on write) gives arrays of the writable type, for which the kernels are compiled already.
    pages = np.asarray(np.memmap(path, np.uint8, "c", len(line))) if size else np.zeros(0, np.uint8)
    try:
        return about, {name: _view(pages, place) for name, place in places.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a file of arrays: {error}") from error


def _view(pages: NDArray[np.uint8], place: dict[str, Any]) -> NDArray[Any]:
    dtype, shape = np.dtype(place["dtype"]), tuple(place["shape"])
    end = place["at"] + dtype.itemsize * int(np.prod(shape))
    array: NDArray[Any] = pages[place["at"] : end].view(dtype).reshape(shape)
    return array
