"""The published JSON schemas: real outputs of every command hold to them, changed outputs do not."""

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from write_reference import schema_files

import tiny
from published import SCHEMAS, require_published, schema_of, strict, validator
from streetseg.cli.commands import COMMANDS, load_command
from streetseg.cli.outputs import COMMAND_OUTPUTS, FILES

FAST = (
    *("--weights", "none", "--epochs", "1", "data.size=none", "augment.crop=none", "augment.early_crop=none"),
    *("model.channels=[16,12,8,8]", "train.batch=3", "train.precision=fp32"),
)
PUBLISHED = sorted(
    file.relative_to(SCHEMAS).as_posix().removesuffix(".schema.json") for file in SCHEMAS.rglob("*.json")
)
# Commands that need a server or a process.
ELSEWHERE = {"fetch": "tests/data/test_fetch.py", "push": "tests/test_hub.py", "serve": "tests/serve"}
Output = tuple[str, str, dict[str, Any]]  # command line, name of its schema, the object


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the commands work in."""
    place = tmp_path_factory.mktemp("outputs")
    tiny.camvid_segnet(place / "camvid", n_train=3, n_val=2)
    tiny.camvid_segnet(place / "other", n_train=1, n_val=1)
    tiny.folder_yaml(place / "photos", n_train=2, n_val=1).unlink()
    tiny.save(place / "street.png", tiny.street(1)[0])
    (place / "damaged.png").write_bytes(b"no image")
    (place / "unread").mkdir()
    for name in ("street.png", "damaged.png"):
        (place / "unread" / name).write_bytes((place / name).read_bytes())
    tiny.folder_yaml(place)
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
        ("evaluate", run, camvid, f"camvid:{place / 'other'}", "--out", place / "scores"),
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
        ("bench", onnx, "--engine", "onnxruntime", "--size", "48x64", "--data", camvid),
        ("check", camvid),
        ("check", camvid, "--report", place / "data.html", "--write-splits", place / "splits"),
        ("check", f"camvid:{place / 'broken'}"),
        ("check", f"folder:{place / 'data.yaml'}"),
        ("init", photos, "--out", place / "photos.yaml"),
        ("convert", camvid, place / "coco", "--to", "coco"),
        ("convert", camvid, place / "folder", "--to", "folder"),
        ("scenes", place / "scenes", "--count", 2, "--size", "32x64"),
        ("cache", "show"),
        ("cache", "clear"),
        ("cache", "empty"),
        ("networks", "list"),
        ("networks", "get", "scenes", "--out", place / "box"),
        ("encoders", "test_resnet"),
        ("doctor",),
        ("completion", "fish"),
        ("recipe", "show"),
        ("recipe", "show", "--sources", "optim.lr=0.01"),
        ("recipe", "list"),
        ("recipe", "check", place / "mine.yaml"),
        ("recipe", "check", place / "no.yaml"),
        ("trian",),
    )  # fmt: skip
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
    texts = schema_files()
    files = {path.removesuffix(".schema.json") for path in texts}

    assert files == set(PUBLISHED)
    for path, text in texts.items():
        assert (SCHEMAS / path).read_text(encoding="utf-8") == text, "run make reference"


def test_every_command_with_json_has_a_schema() -> None:
    commands = {name: load_command(name) for name in COMMANDS}
    parts = {
        f"{name} {part}" if part else name: sub
        for name, command in commands.items()
        for part, sub in getattr(command, "commands", {"": command}).items()
    }
    taking_json = {name for name, command in parts.items() if any("--json" in param.opts for param in command.params)}

    assert set(COMMAND_OUTPUTS) == taking_json


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_schema_is_valid_and_describes_every_key(name: str) -> None:
    schema = validator(name).schema

    validator(name).check_schema(schema)
    assert schema["$id"].endswith(f"/json/{name}.schema.json")
    assert schema["title"] and schema["description"]
    described = [about for part in parts(schema) for about in part.get("properties", {}).items()]
    bare = [key for key, about in described if not about.get("description") and "$ref" not in about]
    assert bare == []


def parts(schema: object) -> Iterator[Mapping[str, Any]]:
    """Yield a schema and every schema in it."""
    if isinstance(schema, Mapping):
        yield schema
    for part in schema.values() if isinstance(schema, Mapping) else schema if isinstance(schema, list) else ():
        yield from parts(part)


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
    """A key too few, a key too many, and a value of another type, in each object of the first output of each kind."""
    accepted = []
    firsts = {(name, "error" in value): short(value) for _, name, value in reversed(outputs)}
    for (name, _), value in firsts.items():
        allowed, required = validator(name), always_required(validator(name).schema)
        accepted += [f"{name}: {what}" for what, changed in changes(value, required) if allowed.is_valid(changed)]

    assert accepted == []


def short(value: Any) -> Any:
    """Return the same with the first items of each list: the hundred rows of scores.json say no more than two."""
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    return [short(item) for item in value[:5]] if isinstance(value, list) else value


def always_required(schema: object) -> set[str]:
    """Return the keys that every object in a schema must have which may have them."""
    objects = list(parts(schema))
    optional = {key for one in objects for key in one.get("properties", {}) if key not in one.get("required", ())}
    return {key for one in objects for key in one.get("required", ())} - optional


def changes(value: Any, required: set[str], where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what was changed, and the changed value, one change each; of items that are alike only the first."""
    if isinstance(value, dict):
        yield f"one more in {where}", {**value, "one_more": [[]]}
        for key in required & set(value):
            yield f"without {where}.{key}", {name: item for name, item in value.items() if name != key}
        fixed = [key for key in value if key in required]
        for key in fixed or list(value)[:1]:
            for what, changed in changes(value[key], required, f"{where}.{key}"):
                yield what, {**value, key: changed}
    elif isinstance(value, list):
        yield f"no list {where}", {"0": value}
        for what, changed in changes(value[0], required, f"{where}[0]") if value else ():
            yield what, [changed, *value[1:]]
    else:
        yield f"no value {where}", [value]


def test_files_of_a_run_hold_to_their_schemas(outputs: list[Output], place: Path) -> None:
    found = Counter()
    for name in FILES:
        for file in place.rglob(name):
            text = file.read_text(encoding="utf-8")
            for value in map(strict, text.splitlines() if file.suffix == ".jsonl" else [text]):
                assert [error.message for error in validator(f"files/{file.stem}").iter_errors(value)] == [], file
                value["one_more"] = 0
                assert not validator(f"files/{file.stem}").is_valid(value)
            found[name] += 1
    assert set(found) == set(FILES)
