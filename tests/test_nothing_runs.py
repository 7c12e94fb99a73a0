"""The syntax trees of the whole source: no call in them can run the content of a file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"

# Modules whose reading runs code, or unpacks where an archive says.
MODULES = {"marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle", "tarfile", "xml", "lxml", "imp"}

CALLS = {
    *("eval", "exec", "compile", "__import__", "breakpoint"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "pandas.read_pickle"),
    *("torch.jit.load", "torch.hub.load", "torch.package.PackageImporter"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.Loader", "yaml.FullLoader"),
    *("yaml.UnsafeLoader", "os.system", "os.popen", "shutil.unpack_archive"),
}

# What may be called only with these arguments.
NEEDED = {
    "torch.load": {"weights_only": True},
    "numpy.load": {"allow_pickle": False},
    "jinja2.Environment": {"autoescape": True},
}

METHODS = {"extract", "extractall"}  # of archives: they write where a member's name says


def offences(source: str) -> Iterator[str]:
    """Yield "LINE: name" for each call or import in a module's source that could run the content of a file."""
    tree = ast.parse(source)
    known_as = dict(imported(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found = {alias.name.partition(".")[0] for alias in names} & MODULES
            case ast.ImportFrom(module=str(module)):
                found = {module.partition(".")[0]} & MODULES
            case ast.Name(ctx=ast.Load()) | ast.Attribute():
                found = {full_name(node, known_as)} & CALLS
            case ast.Call():
                found = set(incorrect_arguments(node, known_as))
            case _:
                continue
        yield from (f"{node.lineno}: {what}" for what in found)


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Return local name -> full name, from a module's imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname, alias.name) for alias in node.names if alias.asname)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def full_name(node: ast.expr, known_as: dict[str, str]) -> str:
    """Return the dotted name of an expression such as np.load, or "" for other expressions."""
    match node:
        case ast.Name(id=name):
            return known_as.get(name, name)
        case ast.Attribute(value=value, attr=attribute):
            return f"{full_name(value, known_as)}.{attribute}"
        case _:
            return ""


def incorrect_arguments(call: ast.Call, known_as: dict[str, str]) -> Iterator[str]:
    name = full_name(call.func, known_as)
    given = {word.arg: word.value.value for word in call.keywords if isinstance(word.value, ast.Constant)}
    if any(given.get(argument) is not value for argument, value in NEEDED.get(name, {}).items()):
        yield f"{name} without {NEEDED[name]}"
    if given.get("shell") is True:
        yield f"{name} through a shell"
    if isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
        yield f"{call.func.attr} unpacks"


@pytest.mark.bad_input(
    34, "no code in the source unpickles without weights_only, calls eval, or lets an archive choose paths"
)
@pytest.mark.bad_input(41, "no code in the source loads YAML unsafely")
def test_nothing_in_the_source_runs_what_a_file_holds() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 100
    found = [
        (path.relative_to(SOURCE).as_posix(), what.partition(": ")[2])
        for path in files
        for what in offences(path.read_text("utf-8"))
    ]

    # Reads members one by one, and writes only those whose names its pattern allows (tests/data/test_fetch.py).
    fetch = ("streetseg/data/fetch.py", "tarfile")
    # Reads the members that it names, of an archive whose SHA-512 it knows (tests/deploy/test_web.py).
    runtime = ("streetseg/deploy/web_runtime.py", "tarfile")
    # Read the members of an archive in place, and write tar files; nothing is unpacked (tests/data/test_files.py).
    archives = [(f"streetseg/data/{name}.py", "tarfile") for name in ("convert/shards", "files")]
    # A document type, through which XML names other files or grows, is refused (tests/data/sources/shapes).
    cvat = ("streetseg/data/sources/shapes/cvat.py", "xml")
    assert sorted(found) == sorted([fetch, runtime, *archives, cvat])


@pytest.mark.parametrize(
    "source",
    [
        "eval('1')",
        "run = exec",
        "import pickle\npickle.loads(b'')",
        "import pickle as p\np.Unpickler",
        "from pickle import load as fetch\nfetch(file)",
        "import torch\ntorch.load(path)",
        "import torch\ntorch.load(path, weights_only=False)",
        "import torch\ntorch.load(path, weights_only=flag)",
        "from torch import load\nload(path)",
        "import numpy as np\nnp.load(path)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
        "from yaml import unsafe_load\nunsafe_load(text)",
        "import marshal",
        "import xml.etree.ElementTree as tree",
        "from tarfile import TarFile",
        "import os\nos.system('ls')",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import zipfile\nzipfile.ZipFile(path).extractall()",
        "from jinja2 import Environment\nEnvironment(loader=loader)",
    ],
)
def test_the_reader_of_syntax_trees_finds(source: str) -> None:
    """The reader finds each kind of call, so the test above can fail."""
    assert len(list(offences(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "import pickle\nexcept_ = pickle.UnpicklingError",
        "import torch\ntorch.load(path, map_location='cpu', weights_only=True)",
        "import numpy as np\nnp.load(path, allow_pickle=False)",
        "import yaml\nyaml.safe_load(text)",
        "import re\nre.compile('a')",
        "class Recipe:\n    compile: str = 'auto'",
        "import subprocess\nsubprocess.run(['ls'])",
    ],
)
def test_the_reader_of_syntax_trees_lets_through(source: str) -> None:
    assert list(offences(source)) == []
