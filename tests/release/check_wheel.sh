#!/usr/bin/env bash
# Build the sdist and the wheel, install the wheel in a fresh environment, and use it there.
# Usage: tests/release/check_wheel.sh [PYTHON]; TORCH pins the build of torch.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH
fail() { echo "$1" >&2; exit 1; }

"${1:-python3}" -m venv "$work/venv"
bin=$work/venv/bin
"$bin/python" -m pip install --quiet build "${TORCH:-torch}"
"$bin/python" -m build --outdir "$work/dist" "$root"

wheel=$("$bin/python" -m zipfile --list "$work"/dist/*.whl)
! grep -Eq '^(reproduction|tests|benchmarks|examples|docs)/' <<<"$wheel" ||
  fail "The wheel must hold polyxtal only, but holds more."
models=$(grep -o '[a-z0-9-]*/model.safetensors' <<<"$wheel")
test "$models" = polyxtal-small/model.safetensors ||
  fail "The wheel must hold polyxtal-small only, but holds: $models"
sdist=$(tar -tzf "$work"/dist/*.tar.gz)
! grep -q '/reproduction/weights/' <<<"$sdist" ||
  fail "The sdist must leave out reproduction/weights, but holds it."
ls -sh "$work"/dist/*

"$bin/python" -m pip install --quiet "$work"/dist/*.whl
mkdir "$work/sdist" "$work/elsewhere"
tar -xzf "$work"/dist/*.tar.gz -C "$work/sdist" --strip-components 1
cd "$work/elsewhere"
cp "$root"/examples/damask_case/* .
"$bin/polyxtal" --version
"$bin/polyxtal" --help > /dev/null
"$bin/polyxtal" predict grid.vti --load load.yaml --leaves 128 --out prediction
test -s prediction/prediction.png || fail "polyxtal predict must draw a picture, but drew none."
"$bin/python" - <<'PYTHON'
from pathlib import Path

import polyxtal as px

assert "site-packages" in str(Path(px.__file__)), px.__file__
for name in px.__all__:
    getattr(px, name)
px.load_model("polyxtal-small")
PYTHON

# The tests in the sdist, of the installed package.
"$bin/python" -m pip install --quiet pytest hypothesis
cd "$work/sdist"
"$bin/python" -m pytest -q tests/unit/files tests/unit/algebra tests/unit/texture
echo "The wheel and the sdist build, install and work."
