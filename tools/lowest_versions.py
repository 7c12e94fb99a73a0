"""Print the lowest version of each package that pyproject.toml allows at run time, as constraints for pip.

    python tools/lowest_versions.py > lowest.txt
    make pytest CONSTRAINTS=lowest.txt

The extra `dev` is left out: the findings of its tools depend on their version, the behavior of the program must not.
"""

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
BOUND = re.compile(r"([\w.-]+)(?:\[\w+\])?>=([\w.]+)(?:,<[\w.]+)?(; .+)?")


def lowest_versions(pyproject: str) -> list[str]:
    """Return `name==version` of each requirement `name>=version` or `name>=version,<other`, in the order of the file.

    A condition behind `;` stays, an extra in brackets is left out: constraints of pip have none.

    Raises:
        ValueError: a requirement has another form.
    """
    project = tomllib.loads(pyproject)["project"]
    extras = [extra for name, extra in project["optional-dependencies"].items() if name != "dev"]
    return [_lowest(requirement) for group in (project["dependencies"], *extras) for requirement in group]


def _lowest(requirement: str) -> str:
    bound = BOUND.fullmatch(requirement)
    if bound is None:
        raise ValueError(f"expected name>=version, found {requirement}")
    return f"{bound[1]}=={bound[2]}{bound[3] or ''}"


if __name__ == "__main__":
    print("\n".join(lowest_versions(PYPROJECT.read_text(encoding="utf-8"))))
