"""Check that the packages of the program are installed, before anything imports them; needs no package itself."""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def require_installed(*further: str) -> None:
    """End the program with one plain error if a package of streetseg[train], or one of `further`, is not installed."""
    missing = [name for name in [*packages(), *further] if not is_installed(name)]
    if missing:
        sys.exit(
            f"error: not installed for {sys.executable}: {', '.join(missing)}\n"
            f"hint:  {sys.executable} -m pip install {' '.join(missing)}\n"
            "       without a network: pip download them elsewhere, then pip install --no-index --find-links FOLDER;\n"
            "       or name a Python that has them: PYTHON=/path/to/python benchmarks/gpu_accuracy.sh ..."
        )


def packages() -> list[str]:
    """Return the names of the packages that streetseg[train] depends on. The program itself may be a bare checkout."""
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["train"]]
    return [found[0] for text in requirements if (found := re.match(r"[\w.-]+", text))]


def is_installed(name: str) -> bool:
    """Return whether a package is installed, in any version."""
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    require_installed(*sys.argv[1:])
