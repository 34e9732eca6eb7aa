"""Arrays in one mapped file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from almenara.kernels import array_file


def test_arrays_come_back_as_they_went(tmp_path: Path) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "bytes": np.arange(5, dtype=np.uint8),
        "none": np.zeros((0, 4)),
        "table": np.arange(12.0).reshape(3, 4)[:, ::2],
        "numbers": np.array([1, 2**63], np.uint64),
    }
    array_file.save(tmp_path / "a", {"name": "ñ", "largest": float("inf")}, arrays)
    about, found = array_file.load(tmp_path / "a")
    assert about == {"name": "ñ", "largest": float("inf")}
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
        assert type(found[name]) is np.ndarray
        assert found[name].flags.carray
    found["bytes"][0] = 9  # private pages: the file keeps what it had
    assert array_file.load(tmp_path / "a")[1]["bytes"][0] == 0


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    array_file.save(path, {}, {"x": np.zeros(3)})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        array_file.save(path, {"not": object()}, {"x": np.ones(3)})
    with pytest.raises(ValueError, match="an array of objects"):
        array_file.save(path, {}, {"x": np.array([None])})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]\n", b"\xff\n", b'{"about": {}, "arrays": {}}\n'])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError, match="not a file of arrays"):
        array_file.load(tmp_path / "a")


def test_entries_beyond_the_file_are_refused(tmp_path: Path) -> None:
    array_file.save(tmp_path / "a", {}, {"x": np.zeros(8)})
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content.replace(b'"shape":[8]', b'"shape":[9]'))
    with pytest.raises(ValueError, match="not a file of arrays"):
        array_file.load(tmp_path / "a")
