"""Labels survive every way they are written, read and translated."""

import io

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image

from streetseg.data.mask_code import MaskCode
from streetseg.data.masks import read_mask
from streetseg.inference.output import color_map, result_paths, write_results
from streetseg.labels.mappings import label_mapping, mappings_from
from streetseg.labels.space import LabelSpace, fresh_colors
from streetseg.labels.tables import CAMVID_32, CITYSCAPES_8, CITYSCAPES_19, CITYSCAPES_34, STREET_11, space

Ids = NDArray[np.uint8]

SPACES = (CAMVID_32, CITYSCAPES_8, CITYSCAPES_19, CITYSCAPES_34, STREET_11)
SHAPES = array_shapes(min_dims=2, max_dims=2, max_side=20)
COLOR = st.tuples(*[st.integers(0, 255)] * 3)


@st.composite
def any_space(draw: st.DrawFn) -> LabelSpace:
    """Draw a space of 1 to 255 classes with different colors, none of them black."""
    count = draw(st.integers(1, 255))
    drawn = draw(st.lists(COLOR.filter(any), max_size=min(count, 20), unique=True))
    fresh = fresh_colors([*drawn, (0, 0, 0)])
    colors = [*drawn, *(next(fresh) for _ in range(count - len(drawn)))]
    return LabelSpace("any", tuple(f"class {i}" for i in range(count)), tuple(colors))


def masks_of(classes: LabelSpace, *, ignored: bool = True) -> st.SearchStrategy[Ids]:
    ids = st.integers(0, classes.num_classes - 1)
    return arrays(np.uint8, SHAPES, elements=ids | st.just(255) if ignored else ids)


@given(st.data(), any_space())
@settings(max_examples=40)
def test_ids_painted_and_read_by_color_come_back(tmp_path_factory, data: st.DataObject, classes: LabelSpace) -> None:
    ids = data.draw(masks_of(classes))
    path = tmp_path_factory.mktemp("painted") / "mask.png"
    Image.fromarray(color_map(ids, classes)).save(path)
    code = MaskCode.of(classes)

    read = read_mask(str(path), MaskCode(classes, colors={**code.colors, (0, 0, 0): 255}))  # ignored pixels are black

    assert np.array_equal(read, ids)


@given(st.data(), any_space())
@settings(max_examples=40)
def test_a_written_prediction_is_read_as_a_mask(tmp_path_factory, data: st.DataObject, classes: LabelSpace) -> None:
    ids = data.draw(masks_of(classes, ignored=False))
    paths = result_paths(tmp_path_factory.mktemp("predicted"), "street 1", ("ids", "color", "overlay"))
    write_results(paths, np.zeros((*ids.shape, 3), np.uint8), ids, classes)

    assert np.array_equal(read_mask(str(paths["ids"]), MaskCode.of(classes)), ids)
    by_color = {color: value for value, color in enumerate(classes.colors)}
    assert np.array_equal(read_mask(str(paths["color"]), MaskCode(classes, colors=by_color)), ids)
    assert Image.open(paths["overlay"]).size == (ids.shape[1], ids.shape[0])


@given(
    st.data(), any_space(), st.sampled_from(["gray", "palette", "16 bits", "alpha"]), st.sampled_from(["PNG", "TIFF"])
)
@settings(max_examples=60)
def test_ids_are_read_however_they_are_stored(
    tmp_path_factory, data: st.DataObject, classes: LabelSpace, how: str, kind: str
) -> None:
    ids = data.draw(masks_of(classes))
    expected = ids
    match how:
        case "gray":
            image = Image.fromarray(ids)
        case "palette":
            image = Image.frombytes("P", (ids.shape[1], ids.shape[0]), ids.tobytes())
            palette = np.frombuffer(data.draw(st.binary(min_size=768, max_size=768)), np.uint8).reshape(256, 3)
            shown = {tuple(color) for color in palette[ids].reshape(-1, 3).tolist()}
            assume(not shown & set(classes.colors))  # a palette that means other classes is refused
            assume(any(len(set(color)) > 1 for color in shown))  # and so is one of grays that are other ids
            image.putpalette(palette.tobytes())
        case "16 bits":
            image = Image.fromarray(ids.astype(np.uint16))
        case _:
            alpha = data.draw(arrays(np.uint8, ids.shape))
            image = Image.merge("LA", (Image.fromarray(ids), Image.fromarray(alpha)))
            expected = np.where(alpha == 255, ids, 255)  # transparent pixels count nowhere
    stored = io.BytesIO()
    image.save(stored, kind)
    path = tmp_path_factory.mktemp("stored") / f"mask.{kind.lower()}"
    path.write_bytes(stored.getvalue())

    assert np.array_equal(read_mask(str(path), MaskCode.of(classes)), expected)


@pytest.mark.parametrize(
    ("source", "target"),
    [(source, space(end)) for source in SPACES for end in mappings_from(source)],
    ids=lambda s: s.name,
)
@given(data=st.data())
@settings(max_examples=20)
def test_a_label_mapping_translates_each_pixel_by_itself(
    source: LabelSpace, target: LabelSpace, data: st.DataObject
) -> None:
    ids = data.draw(arrays(np.uint8, SHAPES))
    table = label_mapping(source, target)
    translated = table[ids]

    assert [int(table[value]) for value in ids.ravel().tolist()] == translated.ravel().tolist()
    assert set(translated.ravel().tolist()) <= {*range(target.num_classes), 255}
    assert (translated[ids >= source.num_classes] == 255).all()
    assert np.array_equal(label_mapping(target, target)[translated], translated)


@given(any_space().flatmap(lambda classes: st.tuples(st.just(classes), masks_of(classes))))
def test_a_space_mapped_to_itself_keeps_every_id(case: tuple[LabelSpace, Ids]) -> None:
    classes, ids = case

    assert np.array_equal(label_mapping(classes, classes)[ids], ids)
