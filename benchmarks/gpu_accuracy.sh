#!/bin/sh
# The experiments of gpu_accuracy.py, from packed data to a summary.
#
#     python benchmarks/gpu_accuracy.py pack CAMVID WEIGHTS PIECES     first, where the data are
#     benchmarks/gpu_accuracy.sh PIECES OUT [--experiments NAME] [--workers N] [--seconds S]
#
# PYTHON names the Python that streetseg[train] is installed in. OUT gets summary.json, and in logs.tgz the recipe, curves
# and scores of each run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../.venv/bin/python}
pieces=$1
out=$2
shift 2
"$python" "$here/gpu_accuracy.py" run "$pieces" "$out" "$@"
cd "$out"
find . -path ./work -prune -o \( -name results.csv -o -name recipe.yaml -o -name scores.json \) -print | tar -czf logs.tgz -T -
