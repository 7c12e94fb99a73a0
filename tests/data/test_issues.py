"""Files that are no data: skipped with a reason, and summed up in one line."""

from streetseg.data.issues import Survey


def test_what_is_no_image_is_passed_over_with_the_reason() -> None:
    survey = Survey()
    names = ["1.png", "2.JPG", ".DS_Store", "._1.png", "Thumbs.db", "notes.txt", "__MACOSX/1.png", ".git/1.png"]

    kept = survey.images_among({name: f"/data/{name}" for name in names})

    assert kept == {"1.png": "/data/1.png", "2.JPG": "/data/2.JPG"}
    assert list(survey.skipped) == [f"/data/{name}" for name in names[2:]]
    assert survey.skipped["/data/notes.txt"] == "no image by its name"
    assert set(survey.skipped.values()) == {"no image by its name", "left by the system or hidden"}


def test_the_skipped_are_named_in_one_line() -> None:
    survey = Survey()
    survey.images_among({f"{i}.txt": f"/data/{i}.txt" for i in range(7)})

    assert survey.skipped_words == "7 files passed over: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, and 2 more"


def test_a_file_met_twice_is_named_once() -> None:
    survey = Survey()
    for _ in range(2):
        survey.images_among({"a.txt": "/data/a.txt"})

    assert survey.skipped_words == "1 file passed over: a.txt"


def test_images_in_formats_that_are_not_read_are_named_with_the_cure() -> None:
    survey = Survey()

    kept = survey.images_among({name: f"/data/{name}" for name in ("1.jpg", "2.HEIC", "3.heif", "4.tga")})

    assert list(kept) == ["1.jpg"]
    assert survey.skipped == {}
    assert survey.unread_words.startswith("3 files in formats that are not read: 2.HEIC, 3.heif, 4.tga (HEIC: convert")
    assert survey.unread_words.count("HEIC:") == 1
    assert [error.place for error in survey.unread_errors] == ["/data/2.HEIC", "/data/3.heif", "/data/4.tga"]
