"""Run a command whose output goes to a small file system, then again after making room.

    unshare -rm python full_disk.py KIND MOUNT_POINT BYTES < command

Prints "full" or "enough", and the digest of the results.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tiny_runs import command_line, digest


def main(kind: str, disk: str, size: str) -> None:
    command = command_line(sys.stdin.read().split("\0"), Path(disk) / "out")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk], check=True)
    first = subprocess.run(command, capture_output=True, text=True)
    if first.returncode:
        errors = [line for line in first.stderr.splitlines() if line.startswith("Error: ")]
        assert first.returncode == 2, (first.returncode, first.stderr)
        assert "Traceback" not in first.stderr, first.stderr
        assert len(errors) == 1, first.stderr
        for part in ("No space left", disk):
            assert part in errors[0], errors
    subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    print("full" if first.returncode else "enough", digest(kind, Path(disk) / "out"))


if __name__ == "__main__":
    main(*sys.argv[1:])
