#!/bin/sh
# Write everything that benchmarks/gpu.py measures to one JSON file.
#
#     benchmarks/gpu.sh [OUT.json] [arguments of gpu.py, such as --data camvid:DIR]
#
# PYTHON is the Python interpreter with streetseg[train,dev].
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../.venv/bin/python}
out=${1:-gpu.json}
[ $# -eq 0 ] || shift
"$python" "$here/gpu.py" --json "$@" > "$out.part"
mv "$out.part" "$out"
echo "written: $out" >&2
