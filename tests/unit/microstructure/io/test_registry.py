"""One list of formats: what reads, writes and speaks of files follows it."""

import subprocess
import sys

import pytest
from places import ROOT

import polyxtal as px
from polyxtal.cli.options import KINDS
from polyxtal.microstructure.io import registry
from polyxtal.microstructure.io.registry import FORMATS, format_table, written_formats


@pytest.mark.parametrize("entry", FORMATS, ids=lambda entry: entry.extension)
def test_every_function_that_is_registered_exists(entry):
    assert entry.reader is None or callable(entry.function(entry.reader))
    assert entry.reader or entry.writer
    assert entry.writer is None or callable(entry.function(entry.writer))


def test_help_docs_and_readme_name_every_format():
    assert format_table() in (ROOT / "docs" / "stages" / "convert.md").read_text()
    readme = (ROOT / "README.md").read_text()
    line = next(line for line in readme.splitlines() if "rve = px.read(" in line)
    for entry in FORMATS:
        assert (entry.extension in KINDS) == (entry.reader is not None)
        assert (f"{entry.extension} (" in written_formats()) == (entry.writer is not None)
        if entry.reader is None:
            continue
        assert entry.extension in line


def test_a_new_format_is_one_entry(monkeypatch, tmp_path):
    table = registry.FileFormat("table", ".txt", "volume", "none", "npz", "read_npz", "write_npz")
    monkeypatch.setattr(registry, "FORMATS", (*FORMATS, table))
    rve = px.tessellate(grid=4, grains=3, seed=0)
    px.write(rve, tmp_path / "a.txt.npz")
    (tmp_path / "a.txt.npz").rename(tmp_path / "a.txt")
    assert px.read(tmp_path / "a.txt").grains == 3
    with pytest.raises(ValueError, match=r"must end in \.vti, .*, \.npz or \.txt, or as a"):
        px.read(tmp_path / "a.stl")


def test_the_list_loads_no_reader():
    code = (
        "import sys, polyxtal.microstructure.io.registry; "
        "print({'torch', 'h5py', 'numpy'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
