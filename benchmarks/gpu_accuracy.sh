#!/bin/sh
# Run the experiments of gpu_accuracy.py on packed data, within 15 minutes on one GPU.
#
#     python benchmarks/gpu_accuracy.py pack CAMVID WEIGHTS PIECES     first, on the machine with the data
#     benchmarks/gpu_accuracy.sh PIECES OUT [--experiments NAME] [--workers N] [--seconds S] [--later S] [--device DEVICE]
#     python benchmarks/gpu_accuracy.py join OUT FOLDER                last, at home
#
# PYTHON is the Python interpreter (default: .venv/bin/python of this checkout, else python3) with the packages that
# streetseg[train] depends on; the program itself is taken from this checkout and needs no installation.
# OUT/results and OUT/bundles are what to take home: files below 16 MB. The rest of OUT stays behind.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/python.sh"
exec "$python" "$here/gpu_accuracy.py" run "$@"
