"""From DATA as typed to a source: every form, and every mistake."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

import tiny
from streetseg.data.check.check import check_source
from streetseg.data.open import open_source
from streetseg.errors import DataError, RequestError
from streetseg.recipe.schema import Data

MAKERS = [
    ("camvid", tiny.camvid_segnet),
    ("camvid", tiny.camvid_original),
    ("cityscapes", tiny.cityscapes_folder),
    ("cityscapes", tiny.cityscapes_zips),
    ("folder", tiny.folder_yaml),
]


@pytest.mark.parametrize(("kind", "make"), MAKERS)
def test_a_bare_folder_is_recognized_and_said(
    kind: str, make: Callable[[Path], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "my [data] straße"
    make(folder)
    with caplog.at_level(logging.INFO, "streetseg"):
        source = open_source(Data(source=str(folder)))
    assert source.spec.startswith(f"{kind}:{folder}")
    assert any(f"is read as {kind}:" in message for message in caplog.messages)
    findings = check_source(source, ["train", "val"])
    assert (findings.splits["train"].images, findings.splits["val"].images) == (6, 3)


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.camvid_segnet(tmp_path / "camvid")
    monkeypatch.chdir(tmp_path)
    assert open_source(Data(source="camvid:camvid")).spec == f"camvid:{tmp_path / 'camvid'}"


def test_a_path_with_a_colon_is_a_path(tmp_path: Path) -> None:
    folder = tiny.camvid_segnet(tmp_path / "camvid:2009")
    assert open_source(Data(source=str(folder))).spec == f"camvid:{folder}"


def test_the_scenes_need_no_folder() -> None:
    source = open_source(Data())
    assert source.spec == "scenes"
    assert source.splits["train"]


def test_an_unknown_kind_is_refused_with_the_closest() -> None:
    with pytest.raises(RequestError, match="unknown kind of data 'camvit'") as caught:
        open_source(Data(source="camvit:/data"))
    assert caught.value.hint == "did you mean camvid?"


def test_a_missing_folder_is_named_with_the_closest(tmp_path: Path) -> None:
    (tmp_path / "CamVid").mkdir()
    for spec in (f"camvid:{tmp_path}/Camvid", f"{tmp_path}/Camvid", f"camvid:{tmp_path}/Camvid/deeper"):
        with pytest.raises(DataError, match="folder not found") as caught:
            open_source(Data(source=spec))
        assert caught.value.hint == f"did you mean {tmp_path}/CamVid?"
    with pytest.raises(DataError, match="file not found"):
        open_source(Data(source=f"folder:{tmp_path}/data.yaml"))


def test_no_path_and_a_path_too_long_are_refused() -> None:
    with pytest.raises(RequestError, match="no path behind camvid:"):
        open_source(Data(source="camvid:"))
    with pytest.raises(DataError, match="folder not found"):
        open_source(Data(source="x" * 5000))


def test_an_unrecognized_folder_names_the_one_below_that_is(tmp_path: Path) -> None:
    tiny.camvid_segnet(tmp_path / "CamVid")
    with pytest.raises(DataError, match="layout of this folder is not recognized") as caught:
        open_source(Data(source=str(tmp_path)))
    assert caught.value.hint == f"did you mean {tmp_path / 'CamVid'}?"


def test_an_unrecognized_folder_names_what_is_in_it_and_the_file_to_write(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="found a, b, c, …") as caught:
        open_source(Data(source=str(tmp_path)))
    assert caught.value.hint is not None
    assert str(tmp_path / "data.yaml") in caught.value.hint


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    for spec in (str(tmp_path), f"camvid:{tmp_path}", f"cityscapes:{tmp_path}", f"folder:{tmp_path}"):
        with pytest.raises(DataError) as caught:
            open_source(Data(source=spec))
        assert str(tmp_path) in caught.value.where[0]
        assert caught.value.hint


def test_a_folder_of_two_layouts_must_be_told_apart(tmp_path: Path) -> None:
    tiny.camvid_segnet(tmp_path)
    tiny.cityscapes_folder(tmp_path)
    with pytest.raises(DataError, match="could be cityscapes or camvid"):
        open_source(Data(source=str(tmp_path)))


def test_a_space_that_no_label_mapping_reaches_is_refused(tmp_path: Path) -> None:
    spec = f"camvid:{tiny.camvid_segnet(tmp_path)}"
    with pytest.raises(RequestError, match="no label mapping"):
        open_source(Data(source=spec, space="cityscapes-19"))
    with pytest.raises(RequestError, match="unknown label space"):
        open_source(Data(source=spec, space="street-12"))


def test_the_size_limit_of_the_recipe_reaches_the_reader(tmp_path: Path) -> None:
    spec = f"camvid:{tiny.camvid_segnet(tmp_path, size=(48, 64))}"
    source = open_source(Data(source=spec, max_megapixels=0.003))
    with pytest.raises(DataError, match=r"image is larger than 0\.003 megapixels") as caught:
        check_source(source, ["train"])
    assert "data.max_megapixels=N raises the limit" in str(caught.value.hint)


def test_a_limit_takes_the_first_samples_of_each_split_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = f"camvid:{tiny.camvid_segnet(tmp_path, n_train=5, n_val=2)}"
    every = open_source(Data(source=spec)).splits

    with caplog.at_level(logging.INFO, "streetseg"):
        limited = open_source(Data(source=spec, limit=3))

    assert dict(limited.splits) == {split: samples[:3] for split, samples in every.items()}
    assert "data.limit: only the first samples are used, 3 of 5 of train" in caplog.messages
    assert check_source(limited, ["train"]).splits["train"].images == 3
