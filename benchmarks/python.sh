# Read by the scripts beside it: sets $python, and lets it import streetseg from the checkout of $here.
python=${PYTHON:-$here/../.venv/bin/python}
if [ -z "${PYTHON:-}" ] && [ ! -x "$python" ]; then
    python=python3
fi
export PYTHONPATH="$here/../src${PYTHONPATH:+:$PYTHONPATH}"
