#!/bin/sh
# Run the experiments of gpu_accuracy.py on packed data and write a summary.
#
#     python benchmarks/gpu_accuracy.py pack CAMVID WEIGHTS PIECES     first, on the machine with the data
#     benchmarks/gpu_accuracy.sh PIECES OUT [--experiments NAME] [--workers N] [--seconds S]
#
# PYTHON is the Python interpreter with streetseg[train]. OUT gets summary.json, and logs.tgz with the recipe, curves and
# scores of each run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../.venv/bin/python}
pieces=$1
out=$2
shift 2
"$python" "$here/gpu_accuracy.py" run "$pieces" "$out" "$@"
cd "$out"
find . -path ./work -prune -o \( -name results.csv -o -name recipe.yaml -o -name scores.json \) -print | tar -czf logs.tgz -T -
