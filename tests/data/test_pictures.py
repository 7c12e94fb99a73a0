"""One rule from every way a picture is stored to uint8 RGB, and a clear error for what is no picture."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from streetseg.data.files import FileError
from streetseg.data.pictures import MAX_PIXELS, Stored, decode_picture, read_picture


def ramp(height: int = 6, width: int = 8) -> np.ndarray:
    return np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)


def test_rgb_is_read_as_it_is(tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / "a.png")
    picture = read_picture(str(tmp_path / "a.png"))
    assert picture.dtype == np.uint8
    assert (picture == ramp()).all()


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    Image.fromarray(ramp()[..., 0]).save(tmp_path / "a.png")
    assert (read_picture(str(tmp_path / "a.png")) == ramp()[..., :1]).all()


def test_16_bits_are_scaled_to_8(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values).save(tmp_path / "a.tif")
    for name in ("a.png", "a.tif"):
        assert read_picture(str(tmp_path / name))[0, :, 1].tolist() == [0, 0, 1, 1, 128, 255]
        assert decode_picture(str(tmp_path / name))[1].words.startswith("16-bit grey")


@pytest.mark.bad_input(9, "converted to 8-bit RGB by one rule; counted in data.json")
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "CMYK"])
def test_other_modes_become_rgb(mode: str, tmp_path: Path) -> None:
    original = Image.fromarray(ramp()).convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    original.save(path)
    picture = read_picture(str(path))
    assert picture.shape == (6, 8, 3)
    assert (picture == np.asarray(original.convert("RGB"))).all()


def test_transparency_is_dropped_not_blended(tmp_path: Path) -> None:
    rgba = np.dstack([ramp(), np.zeros((6, 8), np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert (read_picture(str(tmp_path / "a.png")) == ramp()).all()


def test_a_palette_with_transparent_entries_is_read_by_its_colors(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "a.png", transparency=b"\x00\x80")
    assert read_picture(str(tmp_path / "a.png")).tolist() == [[[10, 20, 30], [40, 50, 60]]]


@pytest.mark.bad_input(10, "applied to the picture, and said")
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_exif_orientation_turns_the_picture_upright(ending: str, tmp_path: Path) -> None:
    turned = np.zeros((40, 60, 3), np.uint8)
    turned[:20] = 200
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(turned).save(tmp_path / f"a.{ending}", exif=exif)
    picture = read_picture(str(tmp_path / f"a.{ending}"))
    assert picture.shape == (60, 40, 3)
    assert picture[:, 25:].min() > 150
    assert picture[:, :15].max() < 50


def test_how_a_picture_is_stored_is_said(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(ramp()).save(tmp_path / "a.jpg", exif=exif)
    Image.fromarray(ramp()).convert("P").save(tmp_path / "a.png")
    Image.fromarray(ramp()).save(tmp_path / "b.png", exif=exif)
    assert decode_picture(str(tmp_path / "a.jpg"))[1] == Stored("RGB JPEG", (6, 8), turned=True)
    assert decode_picture(str(tmp_path / "b.png"))[1] == Stored("RGB PNG", (6, 8), turned=True)
    assert decode_picture(str(tmp_path / "a.png"))[1] == Stored("P PNG", (6, 8))


def test_16_bit_colors_keep_their_high_byte_and_are_told(tmp_path: Path) -> None:
    deep = np.array([[[0, 255, 256], [514, 65535, 32768]]], np.uint16)
    (tmp_path / "a.png").write_bytes(tiny.png(deep, bits=16))
    picture, stored = decode_picture(str(tmp_path / "a.png"))
    assert picture.tolist() == [[[0, 0, 1], [2, 255, 128]]]
    assert stored.words == "16-bit RGB PNG"


def png_with_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")
    )


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.bad_input(18, "refused from the header; exit 2")
@pytest.mark.parametrize("side", [10_000, 30_000, 60_000])
def test_a_decompression_bomb_is_refused_from_its_header(side: int, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_with_header(side, side))
    with pytest.raises(FileError, match="picture is larger than 89 megapixels") as caught:
        read_picture(str(path))
    assert caught.value.where == (f"{path} ({side * side / 1e6:,.0f} by its header)",)
    assert caught.value.hint == "data.max_megapixels=N raises the limit"


def test_the_size_limit_can_be_lowered_and_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(ramp()).save(tmp_path / "a.png")
    with pytest.raises(FileError, match="larger"):
        read_picture(str(tmp_path / "a.png"), max_pixels=47)
    assert read_picture(str(tmp_path / "a.png"), max_pixels=48).shape == (6, 8, 3)

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", MAX_PIXELS)
    (tmp_path / "b.png").write_bytes(png_with_header(30_000, 30_000))
    with pytest.raises(FileError, match="damaged"):  # its size is allowed now, its pixels are missing
        read_picture(str(tmp_path / "b.png"), max_pixels=900_000_000)


def broken_files(folder: Path) -> dict[str, tuple[bytes, str]]:
    """name -> (bytes, what the error must say)."""
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
        "text.png": (b"hello, this is no picture", "file is no picture"),
    }


def test_what_is_no_whole_picture_is_named_with_the_reason(tmp_path: Path) -> None:
    for name, (data, said) in broken_files(tmp_path).items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(FileError) as caught:
            read_picture(str(path))
        assert said in str(caught.value), name
        assert str(path) in str(caught.value)
        assert path.read_bytes() == data


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="file not found"):
        read_picture(str(tmp_path / "none.png"))
    with pytest.raises(FileError, match="not a regular file"):
        read_picture(str(tmp_path))


@pytest.mark.parametrize("name", ["straße 1.png", "a[1] (2).png", 'it\'s "quoted".png', "two\nlines.png", "日本.png"])
def test_any_name_is_read(name: str, tmp_path: Path) -> None:
    Image.fromarray(ramp()).save(tmp_path / name)
    assert (read_picture(str(tmp_path / name)) == ramp()).all()
