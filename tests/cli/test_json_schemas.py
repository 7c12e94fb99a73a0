"""The published JSON schemas: real outputs of every command hold to them, changed outputs do not."""

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from write_reference import REFERENCE, schema_files

import tiny
from published import require_published, schema_of, strict, validator
from streetseg.cli.commands import COMMANDS, load_command
from streetseg.cli.outputs import COMMAND_OUTPUTS, FILES

FAST = (
    *("--weights", "none", "--epochs", "1", "data.size=none", "augment.crop=none", "augment.early_crop=none"),
    *("model.channels=[16,12,8,8]", "train.batch=3", "train.precision=fp32"),
)
ELSEWHERE = {"fetch": "tests/data/test_fetch.py", "serve": "tests/serve"}  # commands that need a server or a process
Output = tuple[str, str, dict[str, Any]]  # command line, name of its schema, the object


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the commands work in."""
    place = tmp_path_factory.mktemp("outputs")
    tiny.camvid_segnet(place / "camvid", n_train=3, n_val=2)
    tiny.folder_yaml(place / "photos", n_train=2, n_val=1).unlink()
    tiny.save(place / "street.png", tiny.street(1)[0])
    (place / "damaged.png").write_bytes(b"no image")
    (place / "broken" / "train").mkdir(parents=True)
    (place / "mine.yaml").write_text("optim: {lr: 0.001}\n")
    return place


@pytest.fixture(scope="module")
def outputs(place: Path) -> list[Output]:
    """Return what the commands print that stand below, in their order: each uses what those before it wrote."""
    camvid, photos = f"camvid:{place / 'camvid'}", place / "photos"
    runs = [place / "study" / "runs" / f"{name}_seed0" for name in ("test_efficientnet", "test_resnet")]
    run, onnx = runs[0], place / "street.onnx"
    image, damaged = place / "street.png", place / "damaged.png"
    lines = (
        ("study", camvid, "--encoders", "test_efficientnet,test_resnet", *FAST, "--out", place / "study"),
        ("train", camvid, "--encoder", "test_resnet", *FAST, "--limit", 2, "--out", place / "run"),
        ("train", camvid, "--encoder", "nothing_like_it", "--out", place / "none"),
        ("train", "camvid:nowhere"),
        ("train", camvid, "optim.lrr=1"),
        ("evaluate", run, camvid),
        ("evaluate", run, camvid, camvid + "+" + camvid, "--out", place / "scores"),
        ("evaluate", place / "nothing", camvid),
        ("calibrate", run, camvid, "--out", place / "calibrated"),
        ("compare", *runs, "--out", place / "comparison"),
        ("compare", runs[0], "--out", place / "comparison"),
        ("predict", run, image, "--out", place / "masks", "--overlay", "--save", "ids,color,confidence"),
        ("predict", run, image, damaged, "--out", place / "masks"),
        ("predict", run, place / "nothing.png", "--out", place / "masks"),
        ("measure", run, image, "--out", place / "measures"),
        ("measure", run, image, damaged, "--out", place / "measures"),
        ("audit", run, camvid, "--out", place / "audit"),
        ("audit", run, camvid, "--unlabeled", place / "unread", "--out", place / "audit-2"),
        ("export", run, "--format", "onnx", "--out", onnx),
        ("export", run, "--format", "onnx", "--data", camvid, "--budget", 100, "--out", place / "scored.onnx"),
        ("export", run, "--format", "onnx", "--out", onnx),
        ("bench", run, onnx, "--size", "48x64"),
        ("bench", onnx, "--engine", "onnxruntime", "--data", camvid),
        ("check", camvid),
        ("check", camvid, "--report", place / "data.html", "--write-splits", place / "splits"),
        ("check", f"camvid:{place / 'broken'}"),
        ("check", f"folder:{place / 'data.yaml'}"),
        ("init", photos, "--out", place / "photos.yaml"),
        ("convert", camvid, place / "coco", "--to", "coco"),
        ("convert", camvid, place / "cityscapes", "--to", "cityscapes"),
        ("scenes", place / "scenes", "--count", 2, "--size", "32x64"),
        ("cache", "show"),
        ("cache", "clear"),
        ("cache", "empty"),
        ("encoders", "test_resnet"),
        ("doctor",),
        ("recipe", "show"),
        ("recipe", "show", "--sources", "optim.lr=0.01"),
        ("recipe", "list"),
        ("recipe", "check", place / "mine.yaml"),
        ("recipe", "check", place / "no.yaml"),
        ("trian",),
    )  # fmt: skip
    (place / "unread").mkdir()
    (place / "unread" / "a.png").write_bytes(damaged.read_bytes())
    (place / "unread" / "b.png").write_bytes(image.read_bytes())
    tiny.folder_yaml(place)
    return [printed(*map(str, line)) for line in lines]


def printed(*argv: str) -> Output:
    """Run `streetseg ARGV... --json` in this process."""
    from streetseg.cli.main import main

    words, out = [*argv, "--json"], io.TextIOWrapper(io.BytesIO(), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["streetseg", *words])
        patch.setattr("sys.stdout", out)
        patch.setattr("signal.signal", lambda number, handler: None)
        with pytest.raises(SystemExit) as ended:
            main()
    out.seek(0)
    text = out.read()
    require_published(words, int(ended.value.code or 0), text)
    return " ".join(argv), schema_of(words), strict(text)


def test_schemas_are_what_the_program_says() -> None:
    published = {file.relative_to(REFERENCE / "json").as_posix() for file in (REFERENCE / "json").rglob("*.json")}

    assert published == set(schema_files())
    for name, text in schema_files().items():
        assert (REFERENCE / "json" / name).read_text(encoding="utf-8") == text, "run make reference"


def test_every_command_with_json_has_a_schema() -> None:
    commands = {name: load_command(name) for name in COMMANDS}
    parts = {
        f"{name} {part}" if part else name: sub
        for name, command in commands.items()
        for part, sub in getattr(command, "commands", {"": command}).items()
    }
    taking_json = {name for name, command in parts.items() if any("--json" in param.opts for param in command.params)}

    assert set(COMMAND_OUTPUTS) == taking_json


@pytest.mark.parametrize("path", sorted(schema_files()))
def test_a_schema_is_valid_and_describes_every_key(path: str) -> None:
    schema = json.loads((REFERENCE / "json" / path).read_text(encoding="utf-8"))

    validator(path.removesuffix(".schema.json")).check_schema(schema)
    assert schema["$id"].endswith(f"/json/{path}")
    assert schema["title"] and schema["description"]
    bare = [key for key, about in keys(schema) if not about.get("description") and "$ref" not in about]
    assert bare == []


def keys(schema: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and the schema of each key of each object in a schema."""
    if isinstance(schema, Mapping):
        yield from schema.get("properties", {}).items()
    for part in schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ():
        yield from keys(part)


def test_thirty_real_outputs_hold_to_their_schemas(outputs: list[Output]) -> None:
    """`printed` has validated each of them; here is what they are."""
    results = Counter(schema for _, schema, value in outputs if "error" not in value)

    assert len(outputs) >= 30
    assert {name.replace(" ", "-") for name in COMMAND_OUTPUTS} - set(results) == set(ELSEWHERE)
    failed = [line.split()[0] for line, _, value in outputs if "error" in value]
    assert Counter(failed) == {
        **{"train": 3, "evaluate": 1, "compare": 1, "predict": 2, "measure": 1, "audit": 1, "export": 1, "check": 1},
        **{"cache": 1, "recipe": 1, "trian": 1},
    }


def test_changed_outputs_do_not_hold(outputs: list[Output]) -> None:
    """A key too few, a key too many, and a value of another type, anywhere in an object."""
    accepted = []
    for line, schema, value in {schema + ("error" if "error" in value else ""): (line, schema, value)
                                for line, schema, value in outputs}.values():  # fmt: skip
        allowed = validator(schema)
        optional = {"test_iou", "submission", "sources"}
        for what, changed in changes(value):
            if allowed.is_valid(changed) and what.rpartition(".")[2] not in optional:
                accepted.append(f"{line}: {what}")
    assert accepted == []


def changes(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what was changed, and the changed value: one change each, in one place of each kind of item."""
    if isinstance(value, dict):
        yield f"one more in {where}", {**value, "one_more": {}}
        for key, item in value.items():
            yield f"without {where}.{key}", {name: other for name, other in value.items() if name != key}
            for what, changed in changes(item, f"{where}.{key}"):
                yield what, {**value, key: changed}
    elif isinstance(value, list):
        yield f"no list {where}", {"0": value}
        for what, changed in changes(value[0], f"{where}[0]") if value else ():
            yield what, [changed, *value[1:]]
    else:
        yield f"no value {where}", [value]


def test_files_of_a_run_hold_to_their_schemas(outputs: list[Output], place: Path) -> None:
    found = Counter()
    for name in FILES:
        for file in place.rglob(name):
            value = strict(file.read_text(encoding="utf-8"))
            assert [error.message for error in validator(f"files/{file.stem}").iter_errors(value)] == [], file
            found[name] += 1
            value["one_more"] = 0
            assert not validator(f"files/{file.stem}").is_valid(value)
    assert set(found) == set(FILES)
