"""Small .vti files that claim large arrays, or take long to parse."""

from __future__ import annotations

import base64
import tracemalloc
import zlib
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

from polyxtal.files import bounded
from polyxtal.microstructure.io.vti import read_image

VALUES = np.arange(60).reshape(3, 4, 5)
WORDS = " ".join(map(str, range(60)))


def document(array: str, extent: str = "0 3 0 4 0 5", piece: str = "", more: str = "") -> str:
    return (
        f'<VTKFile type="ImageData" {more}><ImageData WholeExtent="{extent}">'
        f'<Piece Extent="{piece or extent}"><CellData>{array}</CellData></Piece>'
        "</ImageData></VTKFile>"
    )


def array(text: str, form: str = "ascii", kind: str = "Int32", name: str = "material") -> str:
    return f'<DataArray type="{kind}" Name="{name}" format="{form}">{text}</DataArray>'


def read_text(folder: Path, text: str) -> np.ndarray:
    path = folder / "grid.vti"
    path.write_text(text)
    return read_image(path).cell_array("material")


def test_text_is_not_stored_as_wide_as_its_longest_word(tmp_path):
    bomb = document(array("1 " * 59 + "1" * 10**6))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"most 40 characters \(MAX_DIGITS\), but one has 1000000"):
        read_text(tmp_path, bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 10**7


def test_packed_values_are_no_more_than_their_size_allows(tmp_path, monkeypatch):
    packed = zlib.compress(VALUES.astype("<i4").tobytes(order="F"))
    header = np.array([1, 240, 0, len(packed)], "<u4").tobytes()
    text = (base64.b64encode(header) + base64.b64encode(packed)).decode()
    good = document(array(text, "binary"), more='compressor="vtkZLibDataCompressor"')
    monkeypatch.setattr(bounded, "FREE_VALUES", 60)
    monkeypatch.setattr(bounded, "VALUES_PER_BYTE", 0)
    assert np.array_equal(read_text(tmp_path, good), VALUES)
    monkeypatch.setattr(bounded, "FREE_VALUES", 59)
    with pytest.raises(ValueError, match=r"at most 59 values \(FREE_VALUES, .*, but is to hold 60"):
        read_text(tmp_path, good)


def test_messages_stay_short(tmp_path):
    long = "x" * 5000
    many = "".join(array(WORDS, name=f"array{k}") for k in range(1000))
    for text in (
        document(array(WORDS), extent=long),
        document(array(WORDS), piece=long),
        document(array(WORDS), more=f'byte_order="{long}"'),
        document(array(WORDS, kind=long)),
        document(array(WORDS, form=long)),
        document(many),
        f'<?xml version="1.0" encoding="{long}"?>' + document(array(WORDS)),
        f"<{long}/>",
    ):
        with pytest.raises(ValueError, match="must") as error:
            read_text(tmp_path, text)
        assert len(str(error.value)) < 900


def test_the_search_for_appended_data_is_linear(tmp_path):
    began = perf_counter()
    with pytest.raises(ValueError, match="must be a VTK XML file"):
        read_text(tmp_path, "<AppendedData " * 40000)  # the square takes 15 s
    assert perf_counter() - began < 2
