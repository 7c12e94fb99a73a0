"""The functions that build messages."""

from pathlib import Path

import pytest

from streetseg.errors import RequestError, as_arguments, did_you_mean, first


def test_the_nearest_name_is_offered() -> None:
    assert did_you_mean("trian", ["train", "check"]) == "did you mean train?"
    assert did_you_mean("Camvid", ["CamVid"], before="/data/") == "did you mean /data/CamVid?"
    assert did_you_mean("resnet5", ["resnet50", "resnet51", "vit"], most=2) == "did you mean resnet51, resnet50?"
    assert did_you_mean("zebra", ["train", "check"]) is None


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, ["a", "b", "c"]),
        (3, ["a", "b", "c"]),
        (2, ["a", "b", "and 1 more files"]),
    ],
)
def test_a_long_list_says_how_much_it_leaves_out(limit: int | None, expected: list[str]) -> None:
    assert first(["a", Path("b"), "c"], limit, "files") == expected


def test_what_the_rest_is_may_be_left_out() -> None:
    assert first("abcd", 1) == ["a", "and 3 more"]


@pytest.mark.parametrize(
    ("flags", "arguments"),
    [
        ("--out DIR names a new one", "out=DIR names a new one"),
        ("go on with --resume, or elsewhere with --out", "go on with resume=True, or elsewhere with out="),
        ("go on with --resume --force and a lower optim.lr", "go on with resume=True force=True and a lower optim.lr"),
        ("--resume with the recipe as it was", "resume=True with the recipe as it was"),
        ("--weights none, or --weights FILE.safetensors", 'weights="none", or weights=FILE.safetensors'),
        ("--weights and this folder", "weights= and this folder"),
        ("--max-megapixels N raises the limit", "max_megapixels=N raises the limit"),
        ("--tile 512", "tile=512"),
        ("streetseg export MODEL --format onnx makes one", 'streetseg.export(MODEL, format="onnx") makes one'),
        ("/data/my--folder--x", "/data/my--folder--x"),
    ],
)  # fmt: skip
def test_flags_are_arguments_in_python(flags: str, arguments: str) -> None:
    assert as_arguments(flags) == arguments


def test_an_error_is_in_the_words_of_python_as_text_and_in_those_of_a_command_in_lines() -> None:
    error = RequestError("--force goes with --resume", where="--force", hint="--out DIR")
    assert str(error) == "force=True goes with resume=True\nwhere: force=True\nhint:  out=DIR"
    assert error.lines() == ["--force goes with --resume", "where: --force", "hint:  --out DIR"]
