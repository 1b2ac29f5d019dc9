"""Where the notebooks among the pages run: in a folder of their own, as in a clone.

The cells of a page are executed again only if they, or the package, have changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "out" / "notebooks"
START = """import os, subprocess
from IPython.core.magic import register_cell_magic

@register_cell_magic
def bash(line, cell):
    # At once: MyST-NB would break the lines between the pieces of a stream.
    done = subprocess.run(["bash", "-c", cell], capture_output=True, text=True)
    print(done.stdout, end="")
    done.check_returncode()

os.chdir({work!r})
os.environ["COLUMNS"] = "100"
for name in ("FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
    os.environ.pop(name, None)
"""
KERNEL = """c.IPKernelApp.exec_lines = [{start!r}]
c.InlineBackend.figure_formats = {{"png"}}
c.InlineBackend.rc = {{"figure.dpi": 144, "savefig.bbox": "tight"}}
"""


def fingerprint() -> str:
    """Return a hash of the package's sources and of the settings here."""
    found = hashlib.sha256((START + KERNEL).encode())
    for path in sorted((ROOT / "src").rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def prepare(place: Path) -> None:
    """Make the folder that kernels start in, empty but for links, and their settings."""
    work, profile = place / "work", place / "ipython" / "profile_default"
    shutil.rmtree(work, ignore_errors=True)  # of links, the links only
    for folder in (work, profile):
        folder.mkdir(parents=True, exist_ok=True)
    for name in ("examples", "reproduction", "tests"):
        (work / name).symlink_to(ROOT / name)
    (profile / "ipython_kernel_config.py").write_text(
        KERNEL.format(start=START.format(work=str(work)))
    )
    os.environ["IPYTHONDIR"] = str(place / "ipython")
    os.environ["MPLCONFIGDIR"] = str(place / "matplotlib")
    import_module("matplotlib.font_manager")  # lists the fonts, so that no cell has to
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    source = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(source)


def _start(app: Sphinx, config: Config) -> None:
    if config.nb_execution_mode != "off":
        prepare(PLACE)
        config.nb_execution_cache_path = str(PLACE / fingerprint())


def setup(app: Sphinx) -> dict[str, bool]:
    """Register before myst_nb reads its settings."""
    app.connect("config-inited", _start, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
