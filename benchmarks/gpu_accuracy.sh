#!/bin/sh
# Run the experiments of gpu_accuracy.py on packed data, within 15 minutes on one GPU.
#
#     python benchmarks/gpu_accuracy.py pack CAMVID WEIGHTS PIECES     first, on the machine with the data
#     benchmarks/gpu_accuracy.sh PIECES OUT [--experiments NAME] [--workers N] [--seconds S] [--device DEVICE]
#     python benchmarks/gpu_accuracy.py join OUT FOLDER                last, at home
#
# PYTHON is the Python interpreter with streetseg[train]. OUT gets summary.json and results.tar.gz.000 and so on, each
# below 16 MB; its folder work, with the data, stays behind.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-$here/../.venv/bin/python}
exec "$python" "$here/gpu_accuracy.py" run "$@"
