"""Masks are read exactly, by index or by color; a value without a meaning is an error."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import tiny
from streetseg.data.files import FileError
from streetseg.data.mask_code import MaskCode
from streetseg.data.masks import decode_mask, read_mask
from streetseg.data.sources.camvid import ORIGINAL_COLORS, ORIGINAL_IDS, SEGNET
from streetseg.data.sources.cityscapes import CODES
from streetseg.labels.tables import CITYSCAPES_34, STREET_11

CODE = MaskCode.of(STREET_11, ignored=(11,))


def ids(height: int = 4, width: int = 12) -> np.ndarray:
    """Return an array with all ids 0..11; 11 is void."""
    return np.tile(np.arange(width, dtype=np.uint8), (height, 1))


def expected() -> np.ndarray:
    return np.where(ids() == 11, 255, ids())


def test_gray_masks_are_ids(tmp_path: Path) -> None:
    Image.fromarray(ids()).save(tmp_path / "a.png")
    mask = read_mask(str(tmp_path / "a.png"), CODE)
    assert mask.dtype == np.uint8
    assert (mask == expected()).all()


@pytest.mark.bad_input(1, "masks are read by index, their colors ignored; `check` names the mode")
def test_palette_masks_are_read_by_index_whatever_their_colors(tmp_path: Path) -> None:
    image = Image.fromarray(ids()).convert("P")
    image.putdata(ids().ravel().tolist())
    image.putpalette([200, 10, 10] * 12)  # all the same: converting would lose every id
    image.save(tmp_path / "a.png")
    assert (read_mask(str(tmp_path / "a.png"), CODE) == expected()).all()


def test_one_bit_masks_are_0_and_1(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False, True]])).save(tmp_path / "a.png")
    assert read_mask(str(tmp_path / "a.png"), CODE).tolist() == [[1, 0, 1]]


def test_rgb_masks_are_decoded_through_the_colors(tmp_path: Path) -> None:
    rgb = np.array(STREET_11.colors, np.uint8)[None]
    Image.fromarray(rgb).save(tmp_path / "a.png")
    Image.fromarray(np.dstack([rgb, np.full((1, 11), 255, np.uint8)])).save(tmp_path / "rgba.png")
    for name in ("a.png", "rgba.png"):
        assert read_mask(str(tmp_path / name), CODE).tolist() == [list(range(11))]


def test_a_color_of_several_classes_means_the_first(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[0, 0, 0], [153, 153, 153]]], np.uint8)).save(tmp_path / "a.png")
    mask = read_mask(str(tmp_path / "a.png"), MaskCode.of(CITYSCAPES_34))
    assert [CITYSCAPES_34.names[i] for i in mask[0]] == ["unlabeled", "pole"]


def test_unknown_colors_are_listed_with_counts_and_the_nearest_class(tmp_path: Path) -> None:
    rgb = np.full((10, 10, 3), STREET_11.colors[0], np.uint8)
    rgb[0, :7] = (1, 130, 190)
    rgb[1, :2] = (66, 1, 127)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    with pytest.raises(FileError, match="colors outside the label space street-11") as caught:
        read_mask(str(tmp_path / "a.png"), CODE)
    assert caught.value.detail == ("(1, 130, 190) 7 pixels, nearest bicyclist; (66, 1, 127) 2 pixels, nearest car")


def test_unknown_ids_are_listed_with_their_pixels(tmp_path: Path) -> None:
    mask = ids()
    mask[0, :3] = (12, 13, 12)
    Image.fromarray(mask).save(tmp_path / "a.png")
    with pytest.raises(FileError, match=r"ids outside the label space street-11 \(0 to 10\)") as caught:
        read_mask(str(tmp_path / "a.png"), CODE)
    assert caught.value.where == (f"{tmp_path / 'a.png'} (ids 12, 13; 3 pixels)",)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_16_bit_masks_are_read_exactly_and_never_wrapped(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    Image.fromarray(ids().astype(np.uint16)).save(path)
    assert (read_mask(str(path), CODE) == expected()).all()

    wrapping = ids().astype(np.uint16)
    wrapping[0, 0] = 256 + 3  # 3 if the high byte were lost, and 255 if it were clipped
    Image.fromarray(wrapping).save(path)
    with pytest.raises(FileError) as caught:
        read_mask(str(path), CODE)
    assert caught.value.detail == "id 259; 1 pixels"


@pytest.mark.parametrize("bits", [2, 4])
def test_gray_of_few_bits_is_read_as_stored(bits: int, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(tiny.png(np.array([[0, 1, 2, 3]]), bits=bits))
    assert read_mask(str(tmp_path / "a.png"), CODE).tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_several_channels_of_16_bits_are_refused_not_cut_to_8(channels: int, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(tiny.png(np.full((2, 2, channels), 259), bits=16))
    with pytest.raises(FileError, match="mask has several channels of 16 bits"):
        read_mask(str(tmp_path / "a.png"), CODE)


def test_minus_one_of_a_32_bit_mask_can_be_ignored(tmp_path: Path) -> None:
    Image.fromarray(np.array([[-1, 7, 33]], np.int32)).save(tmp_path / "a.tif")
    code = MaskCode.of(CITYSCAPES_34, ignored=(-1, 65535))
    assert read_mask(str(tmp_path / "a.tif"), code).tolist() == [[255, 7, 33]]


@pytest.mark.parametrize(("name", "options"), [("a.jpg", {}), ("a.webp", {}), ("a.tif", {"compression": "jpeg"})])
def test_masks_stored_with_loss_are_refused(name: str, options: dict[str, str], tmp_path: Path) -> None:
    Image.fromarray(ids(32, 12)).convert("RGB").save(tmp_path / name, **options)
    with pytest.raises(FileError, match="stored with loss"):
        read_mask(str(tmp_path / name), CODE)


def test_a_jpeg_named_png_is_refused_too(tmp_path: Path) -> None:
    Image.fromarray(ids(32, 12)).save(tmp_path / "a.png", format="JPEG")
    with pytest.raises(FileError, match="stored with loss"):
        read_mask(str(tmp_path / "a.png"), CODE)


def test_ids_where_colors_are_expected_and_the_other_way_round(tmp_path: Path) -> None:
    Image.fromarray(ids()).save(tmp_path / "ids.png")
    Image.fromarray(np.full((2, 2, 3), (1, 2, 3), np.uint8)).save(tmp_path / "colors.png")
    with pytest.raises(FileError, match="mask holds ids"):
        read_mask(str(tmp_path / "ids.png"), MaskCode(STREET_11, colors=CODE.colors))
    with pytest.raises(FileError, match="mask holds colors"):
        read_mask(str(tmp_path / "colors.png"), MaskCode(STREET_11, ids=CODE.ids))


@pytest.mark.bad_input(8, "16-bit masks are read exactly")
@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 65535), min_size=1, max_size=20), st.sampled_from([np.uint8, np.uint16]))
def test_whatever_is_stored_comes_back_or_is_refused(tmp_path_factory, values: list[int], depth: type) -> None:
    stored = np.array([values]).astype(depth)
    path = tmp_path_factory.mktemp("mask") / "a.png"
    Image.fromarray(stored).save(path)
    known = set(range(11)) | {11, 255}
    if set(stored.ravel().tolist()) <= known:
        assert (read_mask(str(path), CODE) == np.where(stored >= 11, 255, stored)).all()
    else:
        with pytest.raises(FileError, match="ids outside"):
            read_mask(str(path), CODE)


@pytest.mark.bad_input(51, "several frames are refused: animated WebP, GIF and PNG")
@pytest.mark.parametrize("ending", ["webp", "gif", "png"])
def test_several_frames_are_refused(ending: str, tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(ids(), shift, axis=1)) for shift in (0, 1)]
    options = {"lossless": True} if ending == "webp" else {}
    frames[0].save(tmp_path / f"a.{ending}", save_all=True, append_images=frames[1:], **options)
    with pytest.raises(FileError, match=r"several frames|with loss"):
        read_mask(str(tmp_path / f"a.{ending}"), CODE)


def test_one_frame_of_lossless_webp_with_alpha_is_read(tmp_path: Path) -> None:
    rgba = np.dstack([np.array(STREET_11.colors, np.uint8)[ids()[:, :11]], np.full((4, 11), 255, np.uint8)])
    rgba[0, 0, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.webp", lossless=True, exact=True)
    mask = decode_mask(str(tmp_path / "a.webp"), CODE)
    assert mask.labels[0].tolist() == [255, *range(1, 11)]
    assert mask.facts.transparent == 1


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_gray_of_few_bits_stands_for_its_gray_where_classes_are_colors(bits: int, tmp_path: Path) -> None:
    grays = {(255 * v // (2**bits - 1),) * 3: i for i, v in enumerate((1, 0))}
    (tmp_path / "a.png").write_bytes(tiny.png(np.array([[0, 1, 1]]), bits=bits))
    assert read_mask(str(tmp_path / "a.png"), MaskCode(STREET_11, colors=grays)).tolist() == [[1, 0, 0]]


@pytest.mark.bad_input(43, "grays stored in few bits or with a palette are the ids where only the grays are ids")
@pytest.mark.parametrize(("values", "bits"), [((0, 255), 1), ((0, 85, 255), 2), ((0, 17, 255), 4), ((0, 40, 200), 8)])
def test_grays_that_were_stored_anew_are_the_ids(values: tuple[int, ...], bits: int, tmp_path: Path) -> None:
    code = MaskCode(STREET_11, ids={value: i for i, value in enumerate(values)})
    if bits == 8:
        image = Image.fromarray(np.array([range(len(values))], np.uint8))
        image.putpalette(np.repeat(values, 3).astype(np.uint8).tobytes())
        image.save(tmp_path / "a.png")
    else:
        (tmp_path / "a.png").write_bytes(tiny.png(np.array([values]) * (2**bits - 1) // 255, bits=bits))
    assert read_mask(str(tmp_path / "a.png"), code).tolist() == [list(range(len(values)))]


def test_the_known_layouts_give_no_value_two_meanings() -> None:
    """A class is never ignored, by id or by color, in the codes of CamVid and Cityscapes."""
    for code in (SEGNET, ORIGINAL_COLORS, ORIGINAL_IDS, *CODES.values()):
        every = range(code.space.num_classes)
        assert not code.ids or [code.ids[i] for i in every] == list(every)
        assert not code.colors or set(code.colors) == set(code.space.colors)
        assert 255 not in code.colors.values()


def test_an_array_that_is_shorter_than_it_says_reserves_no_memory(tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16))
    with pytest.raises(FileError, match="file is no NumPy array") as caught:
        read_mask(str(tmp_path / "a.npy"), MaskCode.of(STREET_11))
    assert "too few for float64 of shape (1000000, 1000000)" in str(caught.value)
