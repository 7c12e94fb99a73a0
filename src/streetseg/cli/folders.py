"""Where a command writes when nobody said where."""

import re
from datetime import date
from pathlib import Path


def dated_folder(parent: str, name: str, *, resume: bool) -> Path:
    """PARENT/<date>_<name>; with `resume`, the newest folder of that name, whatever its date."""
    name = re.sub(r"[^\w.-]+", "-", name)
    earlier = sorted(Path(parent).glob(f"????-??-??_{name}")) if resume else []
    return earlier[-1] if earlier else Path(parent) / f"{date.today().isoformat()}_{name}"
