"""One rule makes uint8 RGB of every kind of image file; a file that is no image gets a clear error."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from streetseg.data.files import FileError
from streetseg.data.formats import FORMATS
from streetseg.data.images import MAX_PIXELS, ImageFacts, decode_image, range_cure, range_words, read_image
from streetseg.data.issues import Survey
from streetseg.recipe.reading import ImageReading


def ramp(height: int = 6, width: int = 8) -> np.ndarray:
    return np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)


def test_rgb_is_read_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / "a.png")
    image = read_image(str(tmp_path / "a.png"))
    assert image.dtype == np.uint8
    assert (image == ramp()).all()


def test_gray_becomes_three_equal_channels(tmp_path: Path) -> None:
    Image.fromarray(ramp()[..., 0]).save(tmp_path / "a.png")
    assert (read_image(str(tmp_path / "a.png")) == ramp()[..., :1]).all()


def test_16_bits_are_scaled_to_8(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values).save(tmp_path / "a.tif")
    for name in ("a.png", "a.tif"):
        assert read_image(str(tmp_path / name))[0, :, 1].tolist() == [0, 0, 1, 1, 128, 255]
        assert decode_image(str(tmp_path / name))[1].description.startswith("16-bit gray")


@pytest.mark.bad_input(9, "images are converted to 8-bit RGB by one rule and counted in data.json")
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "CMYK"])
def test_other_modes_become_rgb(mode: str, tmp_path: Path) -> None:
    original = Image.fromarray(ramp()).convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    original.save(path)
    image = read_image(str(path))
    assert image.shape == (6, 8, 3)
    assert (image == np.asarray(original.convert("RGB"))).all()


def test_transparency_is_dropped_not_blended(tmp_path: Path) -> None:
    rgba = np.dstack([ramp(), np.zeros((6, 8), np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert (read_image(str(tmp_path / "a.png")) == ramp()).all()


def test_a_palette_with_transparent_entries_is_read_by_its_colors(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "a.png", transparency=b"\x00\x80")
    assert read_image(str(tmp_path / "a.png")).tolist() == [[[10, 20, 30], [40, 50, 60]]]


@pytest.mark.bad_input(10, "the rotation is applied to the image and named in a note")
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_exif_orientation_turns_the_image_upright(ending: str, tmp_path: Path) -> None:
    turned = np.zeros((40, 60, 3), np.uint8)
    turned[:20] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(turned).save(tmp_path / f"a.{ending}", exif=exif)
    image = read_image(str(tmp_path / f"a.{ending}"))
    assert image.shape == (60, 40, 3)
    assert image[:, 25:].min() > 150
    assert image[:, :15].max() < 50


def test_how_an_image_is_stored_is_said(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(ramp()).save(tmp_path / "a.jpg", exif=exif)
    Image.fromarray(ramp()).convert("P").save(tmp_path / "a.png")
    Image.fromarray(ramp()).save(tmp_path / "b.png", exif=exif)
    assert decode_image(str(tmp_path / "a.jpg"))[1] == ImageFacts("RGB JPEG", (6, 8), turned=True)
    assert decode_image(str(tmp_path / "b.png"))[1] == ImageFacts("RGB PNG", (6, 8), turned=True)
    assert decode_image(str(tmp_path / "a.png"))[1] == ImageFacts("P PNG", (6, 8))


def test_16_bit_colors_keep_their_high_byte_and_are_told(tmp_path: Path) -> None:
    deep = np.array([[[0, 255, 256], [514, 65535, 32768]]], np.uint16)
    (tmp_path / "a.png").write_bytes(tiny.png(deep, bits=16))
    image, stored = decode_image(str(tmp_path / "a.png"))
    assert image.tolist() == [[[0, 0, 1], [2, 255, 128]]]
    assert stored.description == "16-bit RGB PNG"


def png_with_header(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header names a huge size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")
    )


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.bad_input(18, "the image is refused by the size in its header; exit 2")
@pytest.mark.parametrize("side", [10_001, 30_000, 60_000])
def test_a_decompression_bomb_is_refused_from_its_header(side: int, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_with_header(side, side))
    with pytest.raises(FileError, match="image is larger than 100 megapixels") as caught:
        read_image(str(path))
    assert caught.value.where == (f"{path} ({side * side / 1e6:,.0f} by its header)",)
    assert caught.value.hint == "data.max_megapixels=N raises the limit"


def test_the_size_limit_can_be_lowered_and_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(ramp()).save(tmp_path / "a.png")
    with pytest.raises(FileError, match="larger"):
        read_image(str(tmp_path / "a.png"), max_pixels=47)
    assert read_image(str(tmp_path / "a.png"), max_pixels=48).shape == (6, 8, 3)

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", MAX_PIXELS)
    (tmp_path / "b.png").write_bytes(png_with_header(30_000, 30_000))
    with pytest.raises(FileError, match="damaged"):  # its size is allowed now, its pixels are missing
        read_image(str(tmp_path / "b.png"), max_pixels=900_000_000)


def broken_files(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Return name -> (bytes, text that the error must contain)."""
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(folder / "whole.png")
    Image.open(folder / "whole.png").save(folder / "whole.jpg")
    png, jpg = (folder / "whole.png").read_bytes(), (folder / "whole.jpg").read_bytes()
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 0xFF
    return {
        "truncated.png": (png[:-2000], "file is damaged"),
        "truncated.jpg": (jpg[: len(jpg) // 2], "truncated"),
        "flipped.png": (bytes(flipped), "file is damaged"),
        "header.png": (png[:20], "file is"),
        "empty.png": (b"", "0 bytes"),
        "page.jpg": (b"\n<!DOCTYPE html><html><body>404</body></html>", "an HTML page"),
        "pointer.png": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        "text.png": (b"hello, this is no image", "file is no image"),
    }


def test_what_is_no_whole_image_is_named_with_the_reason(tmp_path: Path) -> None:
    for name, (data, message) in broken_files(tmp_path).items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(FileError) as caught:
            read_image(str(path))
        assert message in str(caught.value), name
        assert str(path) in str(caught.value)
        assert path.read_bytes() == data


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="file not found"):
        read_image(str(tmp_path / "none.png"))
    with pytest.raises(FileError, match="not a regular file"):
        read_image(str(tmp_path))


@pytest.mark.parametrize("name", ["straße 1.png", "a[1] (2).png", 'it\'s "quoted".png', "two\nlines.png", "日本.png"])
def test_any_name_is_read(name: str, tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / name)
    assert (read_image(str(tmp_path / name)) == ramp()).all()


def in_range(values: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return LOW..HIGH scaled to 0..255, computed in another way than the program does."""
    return np.floor((values.clip(low, high) - low) * (255 / (high - low)) + 0.5).astype(np.uint8)


@pytest.mark.parametrize("range_", ["0..4095", "100..900", "auto"])
@pytest.mark.parametrize("kind", ["gray png", "gray tif", "rgb png", "rgba png", "rgb tif", "big tif", "rgbx tif"])
def test_a_range_of_16_bits_becomes_8_bits(kind: str, range_: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(50, 3001, (5, 7, 4 if "rgba" in kind or "rgbx" in kind else 3))
    path = tmp_path / f"a.{kind[-3:]}"
    match kind:
        case "gray png" | "gray tif":
            values = values[..., :1]
            Image.fromarray(values[..., 0].astype(np.uint16)).save(path)
        case "rgb png" | "rgba png":
            path.write_bytes(tiny.png(values, bits=16))
        case _:
            extra = (0,) if "rgbx" in kind else None
            order = ">" if "big" in kind else "<"
            path.write_bytes(tiny.tiff(values.astype(np.uint16), extra=extra, order=order))
    values = values[..., :3]
    found = (int(values.min()), int(values.max()))
    low, high = found if range_ == "auto" else map(int, range_.split(".."))

    image, stored = decode_image(str(path), reading=ImageReading(range=range_))

    assert (image == np.broadcast_to(in_range(values, low, high), (5, 7, 3))).all()
    assert stored.values == found


def test_16_bits_of_one_value_are_black_in_their_own_range(tmp_path: Path) -> None:
    Image.fromarray(np.full((3, 4), 700, np.uint16)).save(tmp_path / "a.png")
    assert (read_image(str(tmp_path / "a.png"), reading=ImageReading(range="auto")) == 0).all()


def test_8_bits_do_not_change_with_the_range(tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / "a.png")
    assert (read_image(str(tmp_path / "a.png"), reading=ImageReading(range="0..4095")) == ramp()).all()


def test_a_range_does_not_apply_to_16_bit_gray_with_alpha(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(tiny.png(np.zeros((4, 5, 2), np.int64), bits=16))
    with pytest.raises(FileError, match="is for 16-bit gray and RGB"):
        read_image(str(tmp_path / "a.png"), reading=ImageReading(range="0..4095"))


@pytest.mark.parametrize(
    ("values", "range_", "sentence"),
    [
        ((0, 65535), "full", None),
        ((0, 40000), "full", None),
        ((30000, 30000), "full", None),
        ((12, 4090), "auto", None),
        ((12, 4090), "full", "use 12..4090 of 0..65535"),
        ((12, 4090), "0..4095", None),
        ((12, 1000), "0..4095", "use 12..1000 of 0..4095"),
        ((12, 5000), "0..4095", "use 12..5000, of which data.range=0..4095 clips a part"),
    ],
)
def test_a_range_that_fits_badly_is_said(values: tuple[int, int], range_: str, sentence: str | None) -> None:
    assert range_words(values, ImageReading(range=range_)) == sentence


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        ((12, 1000), "data.range=0..1023"),
        ((12, 4090), "data.range=0..4095"),
        ((51241, 52181), "data.range=51241..52181"),
        ((0, 16000), "data.range=0..16383"),
    ],
)
def test_the_range_of_a_camera_is_advised_or_the_one_found(values: tuple[int, int], cure: str) -> None:
    assert range_cure(values) == cure


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_can_be_left_out(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(ramp()).save(tmp_path / "a.png", exif=exif)
    image, stored = decode_image(str(tmp_path / "a.png"), reading=ImageReading(exif="ignore"))
    assert (image == ramp()).all()
    assert not stored.turned


@pytest.mark.parametrize(
    ("bands", "extra", "sentence"),
    [
        (3, None, "RGB TIFF"),
        (4, (2,), "RGBA TIFF"),
        (4, (0,), "RGB TIFF (1 more band dropped)"),
        (4, None, "RGBA TIFF (1 more band dropped)"),
        (6, (0, 0, 0), "RGB TIFF (3 more bands dropped)"),
    ],
)
def test_bands_that_are_dropped_are_told(
    bands: int, extra: tuple[int, ...] | None, sentence: str, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, bands), np.uint8)
    (tmp_path / "a.tif").write_bytes(tiny.tiff(pixels, extra=extra))
    image, stored = decode_image(str(tmp_path / "a.tif"))
    assert (image == pixels[..., :3]).all()
    assert stored.description == sentence


def test_more_bands_than_can_be_read_are_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiny.tiff(np.zeros((5, 7, 5), np.uint16), extra=(0, 0)))
    with pytest.raises(FileError, match="no image") as caught:
        read_image(str(tmp_path / "a.tif"))
    assert "TIFF of bands or bits that are not read" in caught.value.detail


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.mpo", "a.apng", "a.pnm", "a.avif", "a.jp2", "a.j2k"])
def test_every_format_is_read_by_its_name(name: str, tmp_path: Path) -> None:
    form = {".avif": "AVIF", ".jp2": "JPEG2000", ".j2k": "JPEG2000"}.get(Path(name).suffix)
    if form is not None and form not in FORMATS:
        pytest.skip(f"this Pillow has no {form}")
    colors = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    Image.fromarray(colors).save(tmp_path / name)
    assert Survey().images_among({name: name}) == {name: name}
    assert np.abs(read_image(str(tmp_path / name)).astype(int) - colors).max() < 8


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC: convert it to PNG or JPEG"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "a video"),
        (b"\xff\x0a\0\0", "JPEG XL"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\x93NUMPY\1\0", "NumPy array"),
    ],
)
def test_an_image_of_another_format_is_known_by_its_content(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "renamed.jpg").write_bytes(data + bytes(100))
    with pytest.raises(FileError) as caught:
        read_image(str(tmp_path / "renamed.jpg"))
    assert message in caught.value.detail


@pytest.mark.parametrize("name", ["a.heic", "a.HEIF", "a.dng", "a.tga", "a.exr", "a.npy"])
def test_a_format_that_is_not_read_is_refused_by_its_name_with_the_cure(name: str, tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / name, format="PNG")  # as in a folder, whatever is inside
    with pytest.raises(FileError, match="the format is not supported") as caught:
        read_image(str(tmp_path / name))
    assert "PNG" in caught.value.detail
