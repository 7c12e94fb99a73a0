"""Pictures and masks pair by name; whatever does not is listed on both sides."""

import pytest

from streetseg.data.pairing import by_key, pair
from streetseg.errors import DataError


def test_pairs_follow_names_not_order() -> None:
    pictures = {"b": "p/b.jpg", "a": "p/a.jpg"}
    masks = {"a": "m/a.png", "b": "m/b.png"}
    assert pair(pictures, masks) == [("a", "p/a.jpg", "m/a.png"), ("b", "p/b.jpg", "m/b.png")]


def test_unpaired_files_of_both_sides_are_listed() -> None:
    with pytest.raises(DataError, match="1 pictures have no mask and 2 masks have no picture") as caught:
        pair({"a": "p/a.jpg", "b": "p/b.jpg"}, {"a": "m/a.png", "c": "m/c.png", "d": "m/d.png"})
    assert caught.value.where == (
        "p/b.jpg: picture without mask",
        "m/c.png: mask without picture",
        "m/d.png: mask without picture",
    )


def test_many_unpaired_files_are_shortened_on_each_side() -> None:
    with pytest.raises(DataError) as caught:
        pair({f"{i:02d}": f"p/{i:02d}.jpg" for i in range(30)}, {"x": "m/x.png"})
    assert caught.value.where[9:] == ("p/09.jpg: picture without mask", "and 20 more", "m/x.png: mask without picture")


def test_names_that_differ_only_in_capitals_are_said_to() -> None:
    with pytest.raises(DataError) as caught:
        pair({"Street": "p/Street.jpg"}, {"street": "m/street.png"})
    assert caught.value.hint == "some names differ only in capital letters"


def test_one_name_with_two_endings_is_an_error_that_lists_both() -> None:
    with pytest.raises(DataError, match="several pictures share one name") as caught:
        by_key([("a", "p/a.jpg"), ("b", "p/b.jpg"), ("a", "p/a.png")], "pictures")
    assert caught.value.where == ("p/a.jpg and p/a.png",)
