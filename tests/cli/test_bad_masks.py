"""What the values of a mask mean, through the real commands: never a wrong label, or an error with the cure.

Each data set has the same drawn streets; only how their masks are stored differs, so that the counts must not.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import corpus
import tiny
from conftest import Finished
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import CAMVID_32, CITYSCAPES_19, CITYSCAPES_34, STREET_11

Run = Callable[..., Finished]
Draw = Callable[[tiny.Array, int], Image.Image]  # from labels 0..10 and the number of the image to its mask

N = 4
COLORS = np.array(STREET_11.colors, np.uint8)
COLORED = "classes:\n" + "".join(
    f"  - {{name: {name}, color: {list(color)}}}\n"
    for name, color in zip(STREET_11.names, STREET_11.colors, strict=True)
)
WITH_IDS = COLORED.replace("{", "{id: ID, ")
for i in range(STREET_11.num_classes):
    WITH_IDS = WITH_IDS.replace("ID", str(i), 1)
NAMES = f"classes: [{', '.join(STREET_11.names)}]\n"
BINARY = "classes: [other, road]\n"
TINY = ("--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1", "train.precision=fp32")


def labels(index: int) -> tiny.Array:
    """Return labels 0..10 of a drawn street, with sky in place of void."""
    ids = tiny.street(index)[1]
    return np.where(ids == tiny.VOID, 0, ids).astype(np.uint8)


def own(folder: Path, draw: Draw, classes: str, ending: str = "png", n: int = N, **options: object) -> str:
    """Write a user's own data set. Return DATA of the command line."""
    for i in range(n):
        tiny.save(folder / "images" / f"{i}.png", tiny.street(i)[0])
        path = folder / "masks" / f"{i}.{ending}"
        path.parent.mkdir(exist_ok=True)
        draw(labels(i), i).save(path, **options)
    head = "images: images\nmasks: masks\nsplits: {train: 0.5, val: 0.5}\n"
    (folder / "data.yaml").write_text(head + classes)
    return f"folder:{folder / 'data.yaml'}"


def as_rgb(ids: tiny.Array, _: int) -> Image.Image:
    return Image.fromarray(COLORS[ids])


def renumbered(ids: tiny.Array, index: int) -> Image.Image:
    """Return a mask with a palette of the classes' colors in another order, as optimizers and quantizers write it."""
    order = np.random.default_rng(index).permutation(STREET_11.num_classes)
    image = Image.fromarray(np.argsort(order).astype(np.uint8)[ids])
    image.putpalette(COLORS[order].tobytes())
    assert (np.asarray(image.convert("RGB")) == COLORS[ids]).all()
    return image


def with_palette(ids: tiny.Array, palette: np.ndarray) -> Image.Image:
    image = Image.fromarray(ids)
    image.putpalette(palette.astype(np.uint8).tobytes())
    return image


def road(ids: tiny.Array, value: int) -> Image.Image:
    return Image.fromarray(np.where(ids == 3, value, 0).astype(np.uint8))


def counts(streetseg: Run, data: str) -> dict[str, int]:
    """Return the pixels of each class, summed over the splits, of data that can be used."""
    done = streetseg("check", data, "--json")
    assert done.code == 0, done.err + done.out
    splits = json.loads(done.out)["splits"].values()
    return {name: sum(split["counts"][name] for split in splits) for name in next(iter(splits))["counts"]}


def expected(names: Sequence[str] = STREET_11.names) -> dict[str, int]:
    every = np.concatenate([labels(i).ravel() for i in range(N)])
    return {name: int((every == i).sum()) for i, name in enumerate(names)}


def of_road() -> dict[str, int]:
    every = np.concatenate([labels(i).ravel() for i in range(N)])
    return {"other": int((every != 3).sum()), "road": int((every == 3).sum())}


def warnings(streetseg: Run, data: str) -> dict[str, dict]:
    return {warning["kind"]: warning for warning in json.loads(streetseg("check", data, "--json").out)["warnings"]}


def refused(streetseg: Run, folder: Path, data: str) -> str:
    """Return the message, without line breaks, of `check` and `train` for data that both refuse."""
    before = corpus.state(folder)
    checked = streetseg("check", data)
    trained = streetseg("train", data, *TINY, "--out", folder.parent / "run")
    assert (checked.code, trained.code) == (2, 2), checked.out + trained.out
    assert corpus.state(folder) == before
    assert not (folder.parent / "run").exists()
    for done in (checked, trained):
        assert "Traceback" not in done.err
    return " ".join(checked.err.split())


# Row 43: classes by color


@pytest.mark.bad_input(43, "palettes are decoded through the colors they hold, however they are numbered")
@pytest.mark.parametrize("classes", [COLORED, COLORED + "ignore: 255\n"], ids=["default ignore", "ignore"])
@pytest.mark.parametrize("ending", ["png", "gif", "tif", "webp"])
def test_palettes_of_class_colors_count_as_rgb(classes: str, ending: str, tmp_path: Path, streetseg: Run) -> None:
    if ending == "webp":
        data = own(tmp_path / "own", as_rgb, classes, ending, lossless=True, exact=True)
    else:
        data = own(tmp_path / "own", renumbered, classes, ending)
    assert counts(streetseg, data) == expected()


@pytest.mark.bad_input(43, "palettes and grays in CamVid's 32 colors and in Cityscapes' `color` too")
def test_palettes_in_the_known_layouts(tmp_path: Path, streetseg: Run) -> None:
    for make, pattern, kind in (
        (tiny.camvid_original, "LabeledApproved_full/*.png", "camvid"),
        (lambda folder: tiny.cityscapes_folder(folder, kind="color"), "gtFine/*/*/*.png", "cityscapes"),
    ):
        folder = make(tmp_path / kind)
        before = counts(streetseg, f"{kind}:{folder}")
        for path in folder.glob(pattern):
            rgb = Image.open(path).convert("RGB")
            rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(path)
        assert counts(streetseg, f"{kind}:{folder}") == before


@pytest.mark.bad_input(43, "1-bit and gray masks are decoded where classes are black, white and gray")
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_black_and_white_classes(mode: str, tmp_path: Path, streetseg: Run) -> None:
    classes = "classes: [{name: road, color: [255, 255, 255]}, {name: other, color: [0, 0, 0]}]\n"
    data = own(tmp_path / "own", lambda ids, _: road(ids, 255).convert(mode), classes)
    found = counts(streetseg, data)
    assert found == of_road()


@pytest.mark.bad_input(43, "a palette that is not of the classes' colors is read by index")
@pytest.mark.parametrize("classes", [NAMES, COLORED, WITH_IDS], ids=["names", "colors", "ids"])
@pytest.mark.parametrize("palette", ["other colors", "grays", "the classes"])
def test_palettes_that_say_nothing_are_read_by_index(
    classes: str, palette: str, tmp_path: Path, streetseg: Run
) -> None:
    tables = {
        "other colors": np.full((11, 3), (200, 10, 10)),
        "grays": np.repeat(np.arange(11)[:, None], 3, axis=1),
        "the classes": COLORS,
    }
    data = own(tmp_path / "own", lambda ids, _: with_palette(ids, tables[palette]), classes)
    assert counts(streetseg, data) == expected()


@pytest.mark.bad_input(43, "a palette that contradicts its indices is refused where both could be meant; exit 2")
def test_a_palette_against_written_ids_is_refused(tmp_path: Path, streetseg: Run) -> None:
    message = refused(streetseg, tmp_path / "own", own(tmp_path / "own", renumbered, WITH_IDS))
    assert "mask has a palette that contradicts its indices" in message
    assert "its color (" in message
    assert "save the masks as RGB" in message
    assert all(f"{i}.png" in message for i in range(N))


@pytest.mark.bad_input(43, "the same in Cityscapes' layout, whose masks are ids; exit 2")
@pytest.mark.parametrize("space", [CITYSCAPES_34, CITYSCAPES_19], ids=["labelIds", "labelTrainIds"])
def test_a_palette_against_the_ids_of_cityscapes_is_refused(
    space: LabelSpace, tmp_path: Path, streetseg: Run, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.id
    road, sky = space.names.index("road"), space.names.index("sky")
    for right in (True, False):
        root = tiny.cityscapes_folder(tmp_path / str(right), kind=kind)
        for path in (root / "gtFine").rglob("*.png"):
            ids = np.where(np.asarray(Image.open(path)) == sky, sky, road).astype(np.uint8)
            palette = np.zeros((256, 3), np.uint8)
            palette[[road, sky] if right else [sky, road]] = [space.colors[road], space.colors[sky]]
            with_palette(ids, palette).save(path)
        done = streetseg("check", f"cityscapes:{root}")
        assert done.code == (0 if right else 2), done.err
        assert ("mask has a palette that contradicts its indices" in done.err) is not right


@pytest.mark.bad_input(43, "a palette whose color i is gray i is read as ids")
def test_a_palette_in_which_each_index_is_its_own_gray(tmp_path: Path, streetseg: Run) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)

    def draw(ids: tiny.Array, _: int) -> Image.Image:
        return with_palette(np.where(ids == 3, 0, 255).astype(np.uint8), ramp)

    requested = refused(streetseg, tmp_path / "asked", own(tmp_path / "asked", draw, "classes: [other, road]\n"))
    assert "does 255 mean class 1?" in requested
    done = streetseg("check", own(tmp_path / "ignored", draw, "classes: [other, road]\nignore: 255\n"))
    assert done.code == 0, done.err


@pytest.mark.bad_input(43, "a palette that names some of the classes at other indices is refused; exit 2")
def test_a_palette_of_some_class_colors_is_refused(tmp_path: Path, streetseg: Run) -> None:
    palette = np.full((11, 3), (200, 10, 10))
    palette[3] = COLORS[5]
    message = refused(
        streetseg, tmp_path / "own", own(tmp_path / "own", lambda ids, _: with_palette(ids, palette), COLORED)
    )
    assert "index 3 is road, its color (128, 128, 0) is tree" in message
    assert "give each class its `id:`" in message


@pytest.mark.bad_input(43, "a palette of nearly the classes' colors, as a quantizer leaves them, is refused; exit 2")
def test_a_palette_of_nearly_the_class_colors_is_refused(tmp_path: Path, streetseg: Run) -> None:
    def draw(ids: tiny.Array, index: int) -> Image.Image:
        image = renumbered(ids, index)
        image.putpalette((np.array(image.getpalette("RGB"), np.uint8) ^ 1).tobytes())
        return image

    message = refused(streetseg, tmp_path / "own", own(tmp_path / "own", draw, COLORED))
    assert "mask holds colors outside the label space" in message
    assert "nearest road" in message


@pytest.mark.bad_input(43, "grays that a GIF numbers anew are read as grays; in PNG they are refused")
def test_grays_behind_a_renumbered_palette(tmp_path: Path, streetseg: Run) -> None:
    assert counts(streetseg, own(tmp_path / "gif", lambda ids, _: Image.fromarray(ids), NAMES, "gif")) == expected()

    def swapped(ids: tiny.Array, _: int) -> Image.Image:
        order = np.arange(11)[::-1]
        return with_palette(order.astype(np.uint8)[ids], np.repeat(order[:, None], 3, axis=1))

    message = refused(streetseg, tmp_path / "png", own(tmp_path / "png", swapped, NAMES))
    assert "palette of grays that contradicts its indices" in message
    assert "save the masks as gray" in message


@pytest.mark.bad_input(
    43, "a palette whose 255 is white, as a class is, is refused unless `id:` or `ignore:` says more"
)
def test_a_white_class_and_an_unnamed_255(tmp_path: Path, streetseg: Run) -> None:
    def draw(ids: tiny.Array, _: int) -> Image.Image:
        grays = np.repeat(np.arange(256)[:, None], 3, axis=1)
        return with_palette(np.where(ids == 7, 255, ids).astype(np.uint8), grays)

    classes = COLORED.replace("[60, 40, 222]", "[255, 255, 255]")
    message = refused(streetseg, tmp_path / "own", own(tmp_path / "own", draw, classes))
    assert "index 255 is ignored, its color (255, 255, 255) is pavement" in message
    with_ids = own(tmp_path / "ids", draw, WITH_IDS.replace("[60, 40, 222]", "[255, 255, 255]") + "ignore: 255\n")
    assert counts(streetseg, with_ids) == expected() | {"fence": 0}


@pytest.mark.bad_input(43, "masks stored alike that would be read in two ways are refused; exit 2")
def test_palettes_read_in_two_ways_are_refused(tmp_path: Path, streetseg: Run) -> None:
    def draw(ids: tiny.Array, index: int) -> Image.Image:
        return renumbered(ids, 1) if index else with_palette(ids, np.full((11, 3), (200, 10, 10)))

    message = refused(streetseg, tmp_path / "own", own(tmp_path / "own", draw, COLORED))
    assert "masks stored as P would be read in two ways (1 by id: those named, 3 by color)" in message
    assert "0.png" in message


@pytest.mark.bad_input(43, "`check` and the log of training name a data set that mixes kinds of masks")
def test_several_kinds_of_masks_are_said(tmp_path: Path, streetseg: Run) -> None:
    def draw(ids: tiny.Array, index: int) -> Image.Image:
        return as_rgb(ids, index) if index == 2 else renumbered(ids, index)

    data = own(tmp_path / "own", draw, COLORED)
    assert counts(streetseg, data) == expected()
    remark = warnings(streetseg, data)["mixed-masks"]
    assert remark["text"] == "masks are of 2 kinds: 3 P read by color, 1 RGB read by color"
    assert [entry["files"][0][-5:] for entry in remark["entries"]] == ["2.png"]
    trained = streetseg("train", data, *TINY, "--out", tmp_path / "run")
    assert trained.code == 0, trained.err
    assert remark["text"] in " ".join(trained.err.split())


# Row 44: transparent pixels


@pytest.mark.bad_input(44, "wholly or partly transparent pixels are ignored; a note counts them")
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_count_nowhere(mode: str, tmp_path: Path, streetseg: Run) -> None:
    def draw(ids: tiny.Array, index: int) -> Image.Image:
        if mode == "P":
            return renumbered(ids, 0)
        image = Image.fromarray(ids) if mode == "LA" else as_rgb(ids, index)
        alpha = np.full(ids.shape, 255, np.uint8)
        alpha[0, :3] = (0, 128, 254)
        image.putalpha(Image.fromarray(alpha))
        return image

    options = {"transparency": int(np.asarray(renumbered(np.zeros((1, 1), np.uint8), 0))[0, 0])} if mode == "P" else {}
    data = own(tmp_path / "own", draw, NAMES if mode == "LA" else COLORED, **options)
    found, all_opaque = counts(streetseg, data), expected()
    gone = all_opaque["sky"] if mode == "P" else 3 * N
    assert found == all_opaque | {"sky": all_opaque["sky"] - gone}
    assert warnings(streetseg, data)["transparent"]["text"] == (
        f"{N} masks have transparent pixels, which are ignored ({gone:,} pixels)"
    )


# Rows 47 and 48: what 255 means


@pytest.mark.bad_input(47, "a mixture is refused with the number of masks of each kind; exit 2")
def test_binary_masks_of_two_tools_are_refused(tmp_path: Path, streetseg: Run) -> None:
    data = own(tmp_path / "own", lambda ids, i: road(ids, 255 if i % 2 else 1), BINARY)
    message = refused(streetseg, tmp_path / "own", data)
    assert "does 255 mean class 1? (found 2 of 0 and 255, 2 of 0 and 1)" in message
    assert "give class 1 (road) `id: [1, 255]`" in message

    data = own(
        tmp_path / "cured",
        lambda ids, i: road(ids, 255 if i % 2 else 1),
        "classes: [{name: other, id: 0}, {name: road, id: [1, 255]}]\n",
    )
    assert counts(streetseg, data) == of_road()


@pytest.mark.bad_input(47, "1-bit masks hold ids 0 and 1; beside masks of 0 and 255 they are refused")
def test_one_bit_masks_beside_others(tmp_path: Path, streetseg: Run) -> None:
    assert counts(streetseg, own(tmp_path / "bit", lambda ids, _: road(ids, 255).convert("1"), BINARY)) == of_road()

    data = own(tmp_path / "one", lambda ids, i: road(ids, 255).convert("1") if i else road(ids, 1), BINARY)
    assert counts(streetseg, data) == of_road()
    assert warnings(streetseg, data)["mixed-masks"]["text"] == "masks are of 2 kinds: 3 1 read by id, 1 L read by id"

    data = own(tmp_path / "mixed", lambda ids, i: road(ids, 255).convert("1" if i else "L"), BINARY)
    assert "found 1 of 0 and 255, 3 of one bit" in refused(streetseg, tmp_path / "mixed", data)


@pytest.mark.bad_input(48, "no question where `ignore:`, `id:`, other ids or the layout say what 255 means")
@pytest.mark.parametrize(
    ("classes", "also"),
    [
        (BINARY + "ignore: 255\n", 0),
        ("classes: [{name: road, id: 0}, {name: other, id: 1}]\nignore: 255\n", 0),
        ("space: street-11\n", 0),
        (NAMES, 7),
        (BINARY, 1),
    ],
)
def test_255_is_not_asked_about_where_it_is_explained(classes: str, also: int, tmp_path: Path, streetseg: Run) -> None:
    def draw(ids: tiny.Array, index: int) -> Image.Image:
        mask = np.where(ids == 3, 0, 255).astype(np.uint8)
        mask[0, 0] = also if index == 0 else 255  # one mask with another id shows that 255 is void
        return Image.fromarray(mask)

    assert sum(counts(streetseg, own(tmp_path / "own", draw, classes)).values()) > 0


@pytest.mark.bad_input(
    48, "the question is about values on disk: masks of one class and void are accepted in any layout"
)
def test_one_class_and_void_is_accepted(tmp_path: Path, streetseg: Run) -> None:
    segnet = tiny.camvid_segnet(tmp_path / "segnet")
    for path in [*(segnet / "trainannot").iterdir(), *(segnet / "valannot").iterdir()]:
        corpus.rewrite_mask(path, lambda ids: np.where(ids == 0, 0, 11).astype(np.uint8))  # sky and void
    city = tiny.cityscapes_folder(tmp_path / "city")
    for path in (city / "gtFine").rglob("*.png"):
        corpus.rewrite_mask(path, lambda ids: np.where(ids == 7, 7, 0).astype(np.uint8))  # road, class 0 of the 19
    named = "classes: [{name: road, id: 1}, {name: other, id: 2}]\nignore: 0\n"
    data = own(tmp_path / "own", lambda ids, _: road(ids, 1), named)
    for name in (f"camvid:{segnet}", f"cityscapes:{city}", data):
        found = counts(streetseg, name)
        assert sum(pixels > 0 for pixels in found.values()) == 1


# Row 51: files


@pytest.mark.bad_input(51, "lossless WebP is read, of colors and of ids; only a lossy one is called lossy")
def test_lossless_webp_masks_are_read(tmp_path: Path, streetseg: Run) -> None:
    def gray(ids: tiny.Array, _: int) -> Image.Image:
        return Image.fromarray(ids)

    assert counts(streetseg, own(tmp_path / "ids", gray, NAMES, "webp", lossless=True)) == expected()
    assert counts(streetseg, own(tmp_path / "both", gray, COLORED, "webp", lossless=True)) == expected()
    message = refused(streetseg, tmp_path / "lossy", own(tmp_path / "lossy", as_rgb, COLORED, "webp", quality=100))
    assert "mask is stored with loss" in message
    assert "WEBP with loss" in message


@pytest.mark.bad_input(
    51, "-1 in signed TIFF of 8, 16 and 32 bits, and in floating-point numbers, is what `ignore: -1` names"
)
@pytest.mark.parametrize("depth", ["int8", "int16", "int32", "float32"])
def test_minus_one_in_tiff(depth: str, tmp_path: Path, streetseg: Run) -> None:
    def draw(ids: tiny.Array, _: int) -> Image.Image:
        signed = ids.astype(depth)
        signed[0, :5] = -1
        if depth == "int8":
            return Image.fromarray(signed.view(np.uint8))
        return Image.fromarray(signed.astype(np.int32) if depth == "int16" else signed)

    options = {"tiffinfo": {339: 2}} if depth == "int8" else {}
    data = own(tmp_path / "own", draw, NAMES + "ignore: -1\n", "tif", **options)
    full = expected()
    assert counts(streetseg, data) == full | {"sky": full["sky"] - 5 * N}
    message = refused(streetseg, tmp_path / "un", own(tmp_path / "un", draw, NAMES, "tif", **options))
    assert "id -1; 5 pixels" in message


@pytest.mark.bad_input(51, "fractions in a TIFF of floating-point numbers are refused by name; exit 2")
def test_fractions_are_no_ids(tmp_path: Path, streetseg: Run) -> None:
    data = own(tmp_path / "own", lambda ids, _: Image.fromarray(ids.astype(np.float32) / 2), NAMES, "tif")
    message = refused(streetseg, tmp_path / "own", data)
    assert "mask holds numbers that are no ids" in message
    assert "save the mask as integers" in message


# Row 53 and colors that mean nothing


def in_red(ids: tiny.Array, _: int) -> Image.Image:
    return Image.fromarray(np.dstack([ids, np.zeros_like(ids), np.zeros_like(ids)]))


@pytest.mark.bad_input(53, "ids in the red channel are recognized; the hint shows the YAML for them; exit 2")
def test_ids_in_one_channel_are_recognized(tmp_path: Path, streetseg: Run) -> None:
    for name, classes in (("names", NAMES), ("colors", COLORED)):
        message = refused(streetseg, tmp_path / name, own(tmp_path / name, in_red, classes))
        assert "ids in the red channel alone" in message
        assert "`channel: red`" in message
    cured = f"{NAMES}channel: red\n"
    assert counts(streetseg, own(tmp_path / "cured", in_red, cured)) == expected()


def soft(ids: tiny.Array, index: int) -> Image.Image:
    doubled = as_rgb(ids.repeat(2, axis=0).repeat(2, axis=1), index)
    return (
        doubled.resize((ids.shape[1], ids.shape[0]), Image.Resampling.BICUBIC)
        .resize((ids.shape[1] - 7, ids.shape[0] - 5), Image.Resampling.BILINEAR)
        .resize((ids.shape[1], ids.shape[0]), Image.Resampling.BILINEAR)
    )


def once_jpeg(ids: tiny.Array, _: int) -> Image.Image:
    noise = np.random.default_rng(0).integers(-3, 4, (*ids.shape, 3))
    return Image.fromarray((COLORS[ids] + noise).clip(0, 255).astype(np.uint8))


def stray(ids: tiny.Array, index: int) -> Image.Image:
    rgb = np.array(as_rgb(ids, index))
    rgb[5, 5:7] = (17, 99, 3)
    return Image.fromarray(rgb)


@pytest.mark.bad_input(
    53, "a tolerance is not supported yet; the error names the cause: soft edges, loss, stray pixels"
)
@pytest.mark.parametrize(
    ("draw", "cause", "cure"),
    [
        (soft, "soft edges", "nearest neighbor"),
        (once_jpeg, "colors scattered around those of the classes", "export the masks again without loss"),
        (stray, "a few stray pixels", "repaint them"),
        (lambda ids, _: Image.fromarray(COLORS[ids][..., ::-1]), "with red and blue exchanged every color", "OpenCV"),
    ],
    ids=["soft", "jpeg", "stray", "bgr"],
)
def test_the_cause_of_unknown_colors_is_named(
    draw: Draw, cause: str, cure: str, tmp_path: Path, streetseg: Run
) -> None:
    message = refused(streetseg, tmp_path / "own", own(tmp_path / "own", draw, COLORED))
    assert "mask holds colors outside the label space" in message
    assert cause in message
    assert cure in message


@pytest.mark.bad_input(53, "the cause is named in CamVid's layout too")
def test_the_cause_of_unknown_colors_is_named_for_camvid(tmp_path: Path, streetseg: Run) -> None:
    folder = tiny.camvid_original(tmp_path / "camvid")
    for path in (folder / "LabeledApproved_full").iterdir():
        corpus.rewrite_mask(path, lambda rgb: rgb[..., ::-1])
    assert CAMVID_32.colors[4] == (128, 0, 0)
    assert "with red and blue exchanged" in refused(streetseg, folder, f"camvid:{folder}")


# A class that means another thing from image to image


@pytest.mark.bad_input(43, "palettes that contradict each other between masks get a warning")
def test_palettes_that_contradict_each_other(tmp_path: Path, streetseg: Run) -> None:
    data = own(tmp_path / "own", renumbered, NAMES)
    remark = warnings(streetseg, data)["palettes"]
    assert "a class may mean another thing from mask to mask" in remark["text"]
    assert remark["entries"]
    same = own(tmp_path / "same", lambda ids, _: renumbered(ids, 0), NAMES)
    assert "palettes" not in warnings(streetseg, same)


def test_classes_that_look_like_others_from_image_to_image(tmp_path: Path, streetseg: Run) -> None:
    """Ids are assigned anew in each image, as labelme does. The same images with sound ids give no warning."""

    def anew(ids: tiny.Array, index: int) -> Image.Image:
        return Image.fromarray(np.random.default_rng(index).permutation(11).astype(np.uint8)[ids])

    remark = warnings(streetseg, own(tmp_path / "anew", anew, NAMES, n=8))["jumps"]
    assert "of 8 images that were compared: do the ids mean the same in every mask?" in remark["text"]
    assert " looks like " in remark["entries"][0]["reason"]
    sound = warnings(streetseg, own(tmp_path / "sound", lambda ids, _: Image.fromarray(ids), NAMES, n=8))
    assert "jumps" not in sound
