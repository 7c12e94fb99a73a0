#!/bin/sh
# Write everything that benchmarks/gpu.py measures to one JSON file, after each measurement.
#
#     benchmarks/gpu.sh [OUT.json] [arguments of gpu.py, such as --data camvid:DIR, --seconds S]
#
# The same command goes on after a kill or when the time was up: what is in OUT.json is not measured again.
# PYTHON is the Python interpreter (default: .venv/bin/python of this checkout, else python3) with the packages that
# streetseg[train] depends on, and segmentation-models-pytorch; the program itself is taken from this checkout.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/python.sh"
out=${1:-gpu.json}
[ $# -eq 0 ] || shift
"$python" "$here/installed.py" segmentation-models-pytorch
exec "$python" "$here/gpu.py" --out "$out" "$@"
