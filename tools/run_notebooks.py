"""Runs the notebooks and keeps what they showed:  python tools/run_notebooks.py [NAME ...]

The scripts in notebooks/ are what is edited; a test finds a notebook that is not its script. The runs use small
built-in scenes, so that no image of a data set with conditions is committed.
"""

import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SETTINGS = {"study": 'SETTINGS = {"data.size": [96, 192]}'}


def run(script: Path) -> None:
    """Write the notebook beside its script, with the outputs of a run in an empty folder."""
    notebook = jupytext.read(script)
    sources = [cell.source for cell in notebook.cells]
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source += "\n" + SETTINGS.get(script.stem, "")
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()
    for cell, source in zip(notebook.cells, sources, strict=True):
        cell.source = source
    nbformat.write(notebook, script.with_suffix(".ipynb"))


if __name__ == "__main__":
    for path in sorted(NOTEBOOKS.glob("*.py")):
        if not sys.argv[1:] or path.stem in sys.argv[1:]:
            run(path)
            print(path.with_suffix(".ipynb"))
