"""Pictures and masks pair by name; whatever does not is a fault that names the file."""

from streetseg.data.issues import Survey
from streetseg.data.matching import by_key, pair


def test_pairs_follow_names_not_order() -> None:
    survey = Survey()
    pictures = {"b": "p/b.jpg", "a": "p/a.jpg"}
    masks = {"a": "m/a.png", "b": "m/b.png"}
    assert pair(pictures, masks, survey) == [("a", "p/a.jpg", "m/a.png"), ("b", "p/b.jpg", "m/b.png")]
    assert survey.faults == []


def test_unpaired_files_of_both_sides_are_faults_and_the_others_pair() -> None:
    survey = Survey()
    pairs = pair({"a": "p/a.jpg", "b": "p/b.jpg"}, {"a": "m/a.png", "c": "m/c.png", "d": "m/d.png"}, survey)
    assert pairs == [("a", "p/a.jpg", "m/a.png")]
    assert [fault.error.line for fault in survey.faults] == [
        "p/b.jpg: picture without mask",
        "m/c.png: mask without picture",
        "m/d.png: mask without picture",
    ]


def test_names_that_differ_only_in_capitals_are_said_to() -> None:
    survey = Survey()
    assert pair({"Street": "p/Street.jpg"}, {"street": "m/street.png"}, survey) == []
    assert [fault.error.line for fault in survey.faults] == [
        "p/Street.jpg: picture without mask (only capital letters differ from m/street.png)",
        "m/street.png: mask without picture (only capital letters differ from p/Street.jpg)",
    ]


def test_one_name_with_two_endings_is_one_fault_that_names_both() -> None:
    survey = Survey()
    kept = by_key([("a", "p/a.jpg"), ("b", "p/b.jpg"), ("a", "p/a.png")], "pictures", survey)
    assert kept == {"a": "p/a.jpg", "b": "p/b.jpg"}
    assert [fault.error.line for fault in survey.faults] == ["p/a.jpg: several pictures share one name (and p/a.png)"]
