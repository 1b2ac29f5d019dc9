"""An installation that cannot be written to, used by someone whose home folder cannot, either."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from places import ROOT

ELSEWHERE = "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"
"""Variables that name other folders for caches."""


def install_read_only(folder: Path) -> dict[str, str]:
    """Copy the package and return the environment of a program that uses the copy."""
    package, home = folder / "site" / "polyxtal", folder / "home"
    shutil.copytree(
        ROOT / "src" / "polyxtal", package, ignore=shutil.ignore_patterns("__pycache__")
    )
    # Permissions do not bind the superuser, but nobody can make a folder where a file is.
    home.touch()
    for place in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (place / "__pycache__").touch()
        place.chmod(0o555)
    kept = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(package.parent)}
