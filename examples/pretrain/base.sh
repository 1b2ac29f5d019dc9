#!/usr/bin/env bash
# Pretrain `base` on one GPU, bring back its weights, and compare it with `polyxtal-small`.
#
#     bash examples/pretrain/base.sh [base|base-hull|tiny] [OUT]
#
# Run it again to resume, also on another machine with OUT copied there: a checkpoint is written every
# few minutes. Environment:
#   SECONDS_LIMIT  time after which to save a checkpoint and go on with what is there (default: none)
#   ACCELERATOR    auto, gpu or cpu (default: auto)
#   SAMPLES        folder of measured volumes, for benchmarks/measured_volumes.py (default: none)
#   PYTHON         Python with polyxtal installed (default: python)
#
# Written to OUT: run/ (checkpoints, curve), probe-data/, weights/ (bfloat16 shards below 16 MiB and
# the model card), base/ and small/ (reconstruction and probes), measured.csv.
set -euo pipefail
cd "$(dirname "$0")/../.."

NAME=${1:-base}
OUT=${2:-out/$NAME}
PYTHON=${PYTHON:-python}
CONFIG=examples/pretrain/$NAME.yaml
if [[ ! -f $CONFIG ]]; then
  echo "$CONFIG: must be a configuration, but does not exist." >&2
  exit 2
fi
if [[ $NAME == tiny ]]; then
  RECIPE=examples/recipes/probe-tiny.yaml LABELS=20 TEST=20 JUDGE=16
else
  RECIPE=examples/recipes/probe45.yaml LABELS=50,200 TEST=400 JUDGE=256
fi

say() { printf '\n== %s\n' "$*"; }

release() {  # Args: studies of these weights
  "$PYTHON" -m reproduction card "$OUT/run" --out "$OUT/weights" --shard-mib 16 --force "$@"
  ls -l "$OUT/weights"
}

say "Pretraining (resumes from $OUT/run)"
"$PYTHON" -m polyxtal pretrain "$CONFIG" --out "$OUT/run" --accelerator "${ACCELERATOR:-auto}" \
  ${SECONDS_LIMIT:+--stop-after "$SECONDS_LIMIT"}

say "Throughput"
"$PYTHON" examples/pretrain/throughput.py "$OUT/run"

say "Weights, before anything else can go wrong"
release

say "Labelled polycrystals for the probes"
"$PYTHON" -m polyxtal generate "$RECIPE" --out "$OUT/probe-data"

for MODEL in base small; do
  WHICH=$([[ $MODEL == base ]] && echo "$OUT/run/model" || echo polyxtal-small)
  say "Reconstruction and probes of $MODEL"
  "$PYTHON" -m reproduction reconstruction "$WHICH" --out "$OUT/$MODEL/reconstruction" --judge $JUDGE --force
  "$PYTHON" -m reproduction probe "$WHICH" "$OUT/probe-data" --out "$OUT/$MODEL/probe" \
    --labels $LABELS --test $TEST --force
done

if [[ -n ${SAMPLES:-} ]]; then
  say "Measured volumes"
  "$PYTHON" benchmarks/measured_volumes.py "$SAMPLES" polyxtal-small "$OUT/run/model" --csv "$OUT/measured.csv"
fi

say "Weights, with the results in their card"
release --reconstruction "$OUT/base/reconstruction" --probe "$OUT/base/probe"
