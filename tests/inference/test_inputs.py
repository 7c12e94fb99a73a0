"""Inputs of prediction: paths, folders, patterns, arrays."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import corpus
import tiny
from streetseg.data.files import FileError
from streetseg.errors import RequestError
from streetseg.inference.inputs import find_images, require_image
from streetseg.recipe.reading import AS_USUAL, ImageReading


@pytest.fixture
def street(tmp_path: Path) -> Path:
    for name in ("b.jpg", "a.PNG", "sub/c.jpeg", "notes.txt", ".DS_Store", "._a.png", "sub/Thumbs.db", "odd [1].png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def names(images: list[Path], root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in images]


def test_a_folder_means_every_image_below_it_and_nothing_else(street: Path) -> None:
    assert sorted(names(find_images([str(street)]), street)) == ["a.PNG", "b.jpg", "odd [1].png", "sub/c.jpeg"]


def test_patterns(street: Path) -> None:
    assert names(find_images([f"{street}/*.jpg"]), street) == ["b.jpg"]
    assert names(find_images([f"{street}/**/*.jp*g"]), street) == ["b.jpg", "sub/c.jpeg"]


def test_a_file_whose_name_looks_like_a_pattern(street: Path) -> None:
    assert names(find_images([str(street / "odd [1].png")]), street) == ["odd [1].png"]


def test_an_image_named_twice_is_meant_once(street: Path) -> None:
    twice = [str(street / "b.jpg"), f"{street}/*.jpg", str(street / "sub" / ".." / "b.jpg")]
    assert names(find_images(twice), street) == ["b.jpg"]


def test_everything_missing_is_listed(street: Path) -> None:
    with pytest.raises(RequestError, match="no image found") as error:
        find_images([str(street / "x.png"), str(street / "b.jpg"), f"{street}/*.webp"])
    assert error.value.where == (str(street / "x.png"), f"{street}/*.webp")


def test_a_folder_without_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no image found"):
        find_images([str(tmp_path)])


def test_two_images_of_one_stem_have_results_of_different_names(street: Path) -> None:
    (street / "sub" / "b.png").write_bytes(b"")
    (street / "sub" / "b.jpg").write_bytes(b"")
    found = find_images([str(street)])
    assert {path.relative_to(street).as_posix(): name for path, name in found.items() if path.stem == "b"} == {
        "b.jpg": "b",
        "sub/b.jpg": "sub/b.jpg",
        "sub/b.png": "sub/b.png",
    }


def test_images_in_formats_that_are_not_read_are_named(street: Path, caplog: pytest.LogCaptureFixture) -> None:
    (street / "sub" / "d.heic").write_bytes(b"")
    assert len(find_images([str(street)])) == 4
    assert "1 file in a format that is not read: d.heic (HEIC: convert" in caplog.text

    for text in (str(street / "sub" / "only"), f"{street}/sub/*.heic"):
        (street / "sub" / "only").mkdir(exist_ok=True)
        (street / "sub" / "only" / "d.heic").write_bytes(b"")
        with pytest.raises(RequestError, match="no image found") as error:
            find_images([text])
        assert "d.heic: the format is not supported (HEIC: convert" in error.value.where[1]


IMAGE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)


@pytest.mark.bad_input(56, "a path, a PIL image and uint8 (H, W, 3) are read alike")
def test_arrays_paths_and_pil_images_are_images(tmp_path: Path) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "a.png")
    gray = Image.fromarray(IMAGE[..., 0])
    for image in (IMAGE, tmp_path / "a.png", str(tmp_path / "a.png"), Image.open(tmp_path / "a.png")):
        assert (require_image(image, AS_USUAL) == IMAGE).all()
    assert (require_image(gray, AS_USUAL) == IMAGE[..., :1]).all()


@pytest.mark.bad_input(56, "any other array is an error that names dtype and shape, with the cure")
@pytest.mark.parametrize(
    ("image", "found"),
    [
        (IMAGE / 255, "float64 of shape (6, 8, 3)"),
        ((IMAGE / 255).astype(np.float32).transpose(2, 0, 1), "float32 of shape (3, 6, 8)"),
        (IMAGE.transpose(2, 0, 1), "uint8 of shape (3, 6, 8)"),
        (IMAGE[..., 0], "uint8 of shape (6, 8)"),
        (IMAGE[..., :1], "uint8 of shape (6, 8, 1)"),
        (np.dstack([IMAGE, IMAGE[..., :1]]), "uint8 of shape (6, 8, 4)"),
        (IMAGE.astype(np.int64), "int64 of shape (6, 8, 3)"),
        (IMAGE > 127, "bool of shape (6, 8, 3)"),
    ],
)
def test_an_array_of_another_kind_is_refused_with_the_cure(image: np.ndarray, found: str) -> None:
    with pytest.raises(RequestError, match="expected uint8 RGB") as caught:
        require_image(image, AS_USUAL)

    assert f"image is {found}" in caught.value.problem
    cure = str(caught.value.hint).partition(" where ")[0]
    cured = eval(cure, {"image": image, "np": np})  # what is advised works
    assert require_image(cured, AS_USUAL).shape == IMAGE.shape
    if "bool" not in found:
        rgb = IMAGE[..., :1] if "(6, 8)" in found or "8, 1)" in found else IMAGE
        assert (cured == rgb).all()


@pytest.mark.bad_input(56, "an object that is no image is refused, and the error says what it is")
@pytest.mark.parametrize("image", [None, [[1, 2]], b"bytes", torch.zeros(3, 6, 8), IMAGE[None], IMAGE[:0], IMAGE[0, 0]])
def test_what_is_no_image_is_refused(image: object) -> None:
    with pytest.raises(RequestError, match="image is "):
        require_image(image, AS_USUAL)


@pytest.mark.bad_input(61, "from Python, the error names the flag of `predict`, too")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_huge_image_is_refused_from_its_header(tmp_path: Path) -> None:
    (tmp_path / "huge.png").write_bytes(corpus.huge_png(10_001))
    with pytest.raises(FileError, match="larger than 100 megapixels") as caught:
        require_image(tmp_path / "huge.png", AS_USUAL)
    assert caught.value.hint == "--max-megapixels N raises the limit"


def test_a_pil_image_is_left_as_it_is(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(IMAGE).save(tmp_path / "a.png", exif=exif, transparency=(1, 2, 3))
    with Image.open(tmp_path / "a.png") as image:
        assert require_image(image, AS_USUAL).shape == (8, 6, 3)
        assert require_image(image, ImageReading(exif="ignore")).shape == (6, 8, 3)
        assert image.size == (8, 6)
        assert image.info["transparency"] == (1, 2, 3)


@pytest.mark.bad_input(46, "a PIL image of 16-bit colors is refused where its range matters; the hint: give the path")
def test_pil_has_no_16_bit_colors(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(tiny.png(IMAGE.astype(np.int64) * 16, bits=16))
    reading = ImageReading(range="0..4095")
    with Image.open(tmp_path / "a.png") as image, pytest.raises(RequestError, match="8 of the 16 bits") as caught:
        require_image(image, reading)
    assert caught.value.hint == "give its path"
    assert np.abs(require_image(tmp_path / "a.png", reading).astype(int) - IMAGE).max() <= 1
