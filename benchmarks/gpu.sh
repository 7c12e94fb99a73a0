#!/bin/sh
# Everything that is measured on a GPU, into one JSON file.
#
#     benchmarks/gpu.sh [OUT.json] [gpu.py's own arguments, such as --data camvid:DIR]
#
# PYTHON names the Python that streetseg[train,dev] is installed in.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../.venv/bin/python}
out=${1:-gpu.json}
[ $# -eq 0 ] || shift
"$python" "$here/gpu.py" --json "$@" > "$out.part"
mv "$out.part" "$out"
echo "written: $out" >&2
