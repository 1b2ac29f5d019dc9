"""The .vti container: every encoding that VTK itself writes, and damage of all kinds."""

from __future__ import annotations

import base64
import itertools
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import EXAMPLES

from polyxtal.microstructure.io import vti
from polyxtal.microstructure.io.vti import read_image, write_image

GRID = (3, 4, 5)
VALUES = np.arange(60).reshape(GRID, order="F") * 7 % 120


def document(
    array: str = "",
    extent: str = "0 3 0 4 0 5",
    attributes: str = "",
    image: str = "",
    piece: str | None = None,
    tail: str = "",
) -> str:
    return f"""<?xml version="1.0"?>
<!-- a comment -->
<VTKFile type="ImageData" version="0.1" {attributes}>
  <ImageData WholeExtent="{extent}" {image}>
    <Piece Extent="{extent if piece is None else piece}"><CellData Scalars="material">
      {array}
    </CellData></Piece>
  </ImageData>{tail}
</VTKFile>"""


def ascii_array(text: str, kind: str = "Int32", more: str = "") -> str:
    return f'<DataArray type="{kind}" Name="material" format="ascii" {more}>{text}</DataArray>'


ASCII = ascii_array(" ".join(map(str, VALUES.ravel(order="F"))))


def read_text(folder: Path, text: str | bytes) -> Any:
    path = folder / "grid.vti"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_image(path).cell_array("material")


def test_ascii(tmp_path: Path) -> None:
    values = read_text(tmp_path, document(ASCII))
    assert values.dtype == np.int32
    assert np.array_equal(values, VALUES)


def test_defaults_and_extents_that_start_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "grid.vti"
    path.write_text(
        document(ASCII, extent="2 5 -1 3 10 15", image='Origin="1 2 3" Spacing="1e-6 2e-6 .5"')
    )
    image = read_image(path)
    assert image.grid == GRID
    assert image.spacing == (1e-6, 2e-6, 0.5)
    assert image.origin == (1, 2, 3)
    assert image.names == ("material",)
    path.write_text(document(ASCII))
    assert read_image(path).spacing == (1, 1, 1)


@pytest.mark.parametrize("kind", sorted(vti._TYPES))
def test_every_type_in_both_byte_orders(tmp_path: Path, kind: str) -> None:
    for order, name in (("<", "LittleEndian"), (">", "BigEndian")):
        for header in ("u4", "u8"):
            data = VALUES.astype(order + vti._TYPES[kind]).tobytes(order="F")
            joint = np.array([len(data)], order + header).tobytes() + data
            text = base64.b64encode(joint).decode()
            array = ascii_array("\n" + text[:50] + "\n " + text[50:], kind)
            attributes = f'byte_order="{name}" header_type="UInt{8 * int(header[1])}"'
            values = read_text(
                tmp_path, document(array.replace("ascii", "binary"), "0 3 0 4 0 5", attributes)
            )
            assert np.array_equal(values, VALUES)
            assert values.dtype == np.dtype(vti._TYPES[kind])


def test_a_size_encoded_on_its_own(tmp_path: Path) -> None:
    data = VALUES.astype("<u1").tobytes(order="F")
    for header in ("<u4", "<u8"):
        size = np.array([len(data)], header).tobytes()
        text = (base64.b64encode(size) + base64.b64encode(data)).decode()
        array = ascii_array(text, "UInt8").replace("ascii", "binary")
        attributes = f'header_type="UInt{8 * int(header[2])}"'
        assert np.array_equal(read_text(tmp_path, document(array, attributes=attributes)), VALUES)


def vtk_image() -> Any:
    vtk = pytest.importorskip("vtk")
    support = pytest.importorskip("vtk.util.numpy_support")
    image = vtk.vtkImageData()
    image.SetDimensions(*(n + 1 for n in GRID))
    image.SetSpacing(0.5, 0.25, 2.0)
    image.SetOrigin(1, 2, 3)
    material = support.numpy_to_vtk(VALUES.ravel(order="F").astype(np.int64), deep=True)
    material.SetName("material")
    vector = support.numpy_to_vtk(np.random.default_rng(0).random((60, 3)), deep=True)
    vector.SetName("vector")
    for array in (vector, material):
        image.GetCellData().AddArray(array)
    return image


@pytest.mark.parametrize(
    ("mode", "compressed", "order", "wide"),
    list(itertools.product(["Ascii", "Binary", "Appended", "AppendedRaw"], [0, 1], [0, 1], [0, 1])),
)
def test_what_vtk_writes(tmp_path: Path, mode: str, compressed: int, order: int, wide: int) -> None:
    image = vtk_image()
    vtk = pytest.importorskip("vtk")
    support = pytest.importorskip("vtk.util.numpy_support")
    path = tmp_path / "grid.vti"
    writer = vtk.vtkXMLImageDataWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(image)
    getattr(writer, f"SetDataModeTo{mode.removesuffix('Raw')}")()
    writer.SetEncodeAppendedData(mode != "AppendedRaw")
    writer.SetCompressorTypeToZLib() if compressed else writer.SetCompressorTypeToNone()
    writer.SetBlockSize(240)  # several blocks, the last one partial
    writer.SetByteOrderToBigEndian() if order else writer.SetByteOrderToLittleEndian()
    writer.SetHeaderTypeToUInt64() if wide else writer.SetHeaderTypeToUInt32()
    assert writer.Write() == 1
    read = read_image(path)
    assert read.spacing == (0.5, 0.25, 2.0)
    assert read.origin == (1, 2, 3)
    assert np.array_equal(read.cell_array("material"), VALUES)
    expected = support.vtk_to_numpy(image.GetCellData().GetArray("vector"))
    vector = read.cell_array("vector")
    assert vector.shape == (*GRID, 3)
    digits = 1e-5 if mode == "Ascii" else 0.0
    assert np.abs(vector.reshape(-1, 3, order="F") - expected).max() <= digits


@pytest.mark.parametrize("shape", [(3, 4, 5), (16, 16, 16), (1, 1, 4097)])
def test_vtk_reads_what_we_write(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    vtk = pytest.importorskip("vtk")
    support = pytest.importorskip("vtk.util.numpy_support")
    values = np.random.default_rng(1).integers(0, 10**12, shape)
    write_image(tmp_path / "grid.vti", {"material": values}, (1e-6, 2e-6, 1 / 3))
    reader = vtk.vtkXMLImageDataReader()
    reader.SetFileName(str(tmp_path / "grid.vti"))
    reader.Update()
    image = reader.GetOutput()
    assert image.GetSpacing() == (1e-6, 2e-6, 1 / 3)
    assert image.GetExtent() == (0, shape[0], 0, shape[1], 0, shape[2])
    flat = support.vtk_to_numpy(image.GetCellData().GetArray("material"))
    assert np.array_equal(flat.reshape(shape, order="F"), values)
    assert np.array_equal(read_image(tmp_path / "grid.vti").cell_array("material"), values)


ENTITIES = '<!DOCTYPE VTKFile [<!ENTITY a "aaaa">]>'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must be a VTK XML file"),
        ("hello", "must be a VTK XML file"),
        (document(ASCII)[:300], "must be a VTK XML file"),
        (document(ASCII).replace("<!-- a comment -->", ENTITIES), "must be a VTK XML file"),
        (document(ASCII).replace('version="1.0"', 'version="1.0" encoding="x"', 1), "VTK XML file"),
        ("<VTKFile type='PolyData'/>", "must be a VTKFile of type ImageData"),
        (document(ASCII, attributes='compressor="vtkLZ4DataCompressor"'), "zlib or none"),
        (document(ASCII, attributes='byte_order="Middle"'), "byte_order"),
        (document(ASCII, extent="0 3 0 4"), "WholeExtent must be 6 finite numbers"),
        (document(ASCII, extent="0 3 0 4 0 nan"), "WholeExtent must be 6 finite numbers"),
        (document(ASCII, extent="0 3 0 4 0 0"), "must have 1 to"),
        (document(ASCII, extent="0 99999 0 99999 0 99999"), "must have 1 to"),
        (document(ASCII, piece="0 3 0 4 0 6"), "one Piece must span"),
        (document(ASCII, image='Spacing="1 0 1"'), "Spacing must be positive"),
        (document(ASCII, image='Direction="0 1 0 1 0 0 0 0 1"'), "Direction must be the identity"),
        (document(), "must hold the array 'material', but holds none"),
        (document(ascii_array("1 2 3")), "must hold 60 values, but holds 3"),
        (document(ascii_array("one " * 60)), "array 'material'"),
        (document(ascii_array("300 " * 60, "UInt8")), "array 'material'"),
        (document(ASCII.replace("Int32", "String")), "integers or floats"),
        (document(ascii_array("", more='NumberOfComponents="-1"')), "1 to 9 components"),
        (document(ASCII.replace("ascii", "hexadecimal")), "must be ascii, binary or appended"),
        (document(ASCII.replace('format="ascii"', 'format="appended"')), "into the appended data"),
        (document(ASCII, tail='<AppendedData encoding="raw">abc</AppendedData>'), "start with '_'"),
        (document(ascii_array("AAAA*AAA").replace("ascii", "binary")), "damaged"),
        (document(ascii_array("AAAAAAAA").replace("ascii", "binary")), "must hold 240 bytes"),
        (document(ascii_array("8AAAAAAA").replace("ascii", "binary")), "ends 238 bytes too early"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as error:
        read_text(tmp_path, text)
    assert str(error.value).startswith(str(tmp_path / "grid.vti"))


def compressed(header: list[int], blocks: bytes) -> str:
    stored = np.array(header, "<u4").tobytes()
    text = (base64.b64encode(stored) + base64.b64encode(blocks)).decode()
    array = ascii_array(text).replace("ascii", "binary")
    return document(array, attributes='compressor="vtkZLibDataCompressor"')


def test_compressed_blocks_cannot_exceed_what_the_grid_needs(tmp_path: Path) -> None:
    data = VALUES.astype("<i4").tobytes(order="F")
    packed = zlib.compress(data)
    good = compressed([1, 240, 0, len(packed)], packed)
    assert np.array_equal(read_text(tmp_path, good), VALUES)
    bomb = zlib.compress(bytes(10**7))
    for header, blocks, sentence in (
        ([1, 240, 0, len(bomb)], bomb, "unpack to blocks of 240"),
        ([1, 10**7, 0, len(bomb)], bomb, "must hold 240 bytes, but holds 10000000"),
        ([2**32 - 1, 2**32 - 1, 0], b"", "must hold 240 bytes"),
        ([240, 1, 0], b"", "must be complete|ends"),
        ([0, 0, 0], b"", "must hold 240 bytes, but holds 0"),
        ([0, 10, 250], b"", "must hold 240 bytes"),
        ([1, 240, 0, len(packed)], packed[:-5], "too early|last block"),
        ([1, 240, 0, len(packed)], b"x" * len(packed), "damaged"),
        ([1, 240, 0, 2**31], packed, "last block"),
    ):
        tracemalloc.start()
        with pytest.raises(ValueError, match=sentence):
            read_text(tmp_path, compressed(header, blocks))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 10**6


def test_we_write_the_header_that_damask_reads(tmp_path: Path) -> None:
    """DAMASK's own export of 16^3 voxels: one full block, and 0 for the size of a partial one."""
    example = EXAMPLES / "damask_case" / "grid.vti"
    values = read_image(example).cell_array("material")
    write_image(tmp_path / "grid.vti", {"material": values}, (0.0625,) * 3)
    ours = (tmp_path / "grid.vti").read_text().splitlines()
    theirs = [line for line in example.read_text().splitlines() if line]
    start = theirs.index("    <FieldData>")
    del theirs[start : theirs.index("    </FieldData>") + 1]  # comments
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        if "==" in mine:
            mine, other = mine[:24], other[:24]  # what follows depends on zlib's level
        assert mine == other


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = document(ASCII)
    monkeypatch.setattr(vti, "MAX_VOXELS", 60)
    monkeypatch.setattr(vti, "MAX_FILE_BYTES", len(text))
    assert np.array_equal(read_text(tmp_path, text), VALUES)
    with pytest.raises(ValueError, match="must not exceed"):
        read_text(tmp_path, text + " ")
    monkeypatch.setattr(vti, "MAX_VOXELS", 59)
    with pytest.raises(ValueError, match="1 to 59 voxels"):
        read_text(tmp_path, text)


def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    write_image(tmp_path / "good.vti", {"material": VALUES}, (1.0, 1.0, 1.0))
    content = (tmp_path / "good.vti").read_bytes()
    refused = 0
    for position in range(0, len(content), 5):
        for damaged in (
            content[:position],
            content[:position] + b"\xfeZ" + content[position + 2 :],
        ):
            try:
                read_text(tmp_path, damaged)
            except ValueError as error:
                refused += 1
                assert str(error).startswith(str(tmp_path / "grid.vti"))  # noqa: PT017
    assert refused > 100
