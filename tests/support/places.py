"""Where tests find files."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SHARED = ROOT.parent / "shared"
"""Files of others that may not be copied; tests that need them are skipped where it is not."""
SAMPLES = SHARED / "samples"
