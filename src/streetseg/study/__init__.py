"""Runs over encoders and seeds, their comparison and report.

`streetseg.study(...)` is a function of the API, and importing anything of this package binds the package to that very
name. So the package is callable, and is that function.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return import_module("streetseg.api").study(*arguments, **options)


sys.modules[__name__].__class__ = _Package
