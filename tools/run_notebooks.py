"""Runs the notebooks and keeps what they showed:  python tools/run_notebooks.py [NAME ...]

The scripts in notebooks/ are what is edited; a test finds a notebook that is not its script. The runs use small
built-in scenes, so that no image of a data set with conditions is committed.
"""

import os
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def executed(script: Path, folder: Path, settings: str = "", *, until: str | None = None) -> nbformat.NotebookNode:
    """Return the notebook of a script after all its cells ran in `folder`.

    Args:
        script: in jupytext's percent format.
        folder: the working directory of the notebook, and the place of its cache.
        settings: lines that are appended to the cell with the tag "parameters" while it runs.
        until: the last cell to run; None for all.
    """
    notebook = jupytext.read(script)
    if until is not None:
        (last,) = [number for number, cell in enumerate(notebook.cells) if cell.source == until]
        del notebook.cells[last + 1 :]
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    source = parameters.source
    parameters.source += f"\n{settings}"
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    # tqdm asks for ipywidgets, which the notebooks do not use.
    environment = {"STREETSEG_CACHE": str(folder / "cache"), "PYTHONWARNINGS": "ignore:IProgress not found"}
    client.execute(env=os.environ | environment)
    parameters.source = source
    return notebook


def without_folder(notebook: nbformat.NotebookNode, folder: str) -> nbformat.NotebookNode:
    """Return the notebook with paths below `folder` as relative ones: where it ran is of no use to a reader."""
    return nbformat.from_dict(_replaced(notebook, f"{folder}/"))


def _replaced(value: object, folder: str) -> object:
    if isinstance(value, str):
        return value.replace(folder, "")
    if isinstance(value, dict):
        return {key: _replaced(item, folder) for key, item in value.items()}
    return [_replaced(item, folder) for item in value] if isinstance(value, list) else value


def without_twins(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the notebook with each image once: Pillow shows it as PNG and as JPEG, which is a fifth as large."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "image/jpeg" in output.get("data", {}):
                output.data.pop("image/png", None)
    return notebook


def run(script: Path) -> None:
    """Write the notebook beside its script, with the outputs of a run in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = executed(script, Path(folder))
        nbformat.write(without_twins(without_folder(notebook, folder)), script.with_suffix(".ipynb"))


if __name__ == "__main__":
    for path in sorted(NOTEBOOKS.glob("*.py")):
        if not sys.argv[1:] or path.stem in sys.argv[1:]:
            run(path)
            print(path.with_suffix(".ipynb"))
