"""How files are paired and which of them are used: rows 49, 50, 52 and 54 of bad inputs, through the real commands."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import corpus
import tiny
from conftest import Finished

Run = Callable[..., Finished]
TINY = ("--encoder", "test_efficientnet", "--weights", "none", "--epochs", "1", "train.precision=fp32")
CLASSES = "classes: [" + ", ".join(name.replace(" ", "_") for name in tiny.STREET_11.names) + "]\n"


def drives(folder: Path) -> Path:
    """Write two folders whose images have the same numbers, and a data.yaml that describes them without splits."""
    for k, name in enumerate(("north/0000", "north/0001", "north/0002", "south/0000", "south/0001")):
        image, labels = tiny.street(k)
        tiny.save(folder / "img" / f"{name}.png", image)
        tiny.save(folder / "ann" / f"{name}.png", labels)
    path = folder / "data.yaml"
    path.write_text(f'images: "img/*/*.png"\nmasks: "ann/*/*.png"\n{CLASSES}')
    return path


def found_by(streetseg: Run, *argv: object) -> dict:
    """Return the output of `check --json` for data that can be used."""
    done = streetseg("check", *argv, "--json")
    assert done.code == 0, done.err + done.out
    return json.loads(done.out)


def images(report: dict) -> dict[str, int]:
    return {split: reported["images"] for split, reported in report["splits"].items()}


def warned(report: dict, kind: str) -> list[str]:
    return [warning["text"] for warning in report["warnings"] if warning["kind"] == kind]


# 49: lists


@pytest.mark.bad_input(49, "an error with the closest name; a file of that name in another folder is not taken")
@pytest.mark.parametrize("line", ["south/0002.png", "img/south/0002.png", "/old/img/south/0002.png", r"south\0002.png"])
def test_a_line_never_falls_back_to_another_folder(line: str, tmp_path: Path, streetseg: Run) -> None:
    data = drives(tmp_path / "data")
    (tmp_path / "data" / "val.txt").write_text(f"south/0000.png\n{line}\n")
    (tmp_path / "data" / "train.txt").write_text("north/0000.png\nnorth/0001.png\n")
    by_file = data.with_name("lists.yaml")
    by_file.write_text(data.read_text() + "splits: {train: train.txt, val: val.txt}\n")
    by_name = data.with_name("names.yaml")
    by_name.write_text(data.read_text() + f"splits: {{train: ['north/*'], val: ['south/0000', '{line}']}}\n")
    over = [f"data.splits.{split}={tmp_path / 'data' / split}.txt" for split in ("train", "val")]

    for argv in ((f"folder:{by_file}",), (f"folder:{by_name}",), (f"folder:{data}", *over)):
        for done in (
            streetseg("check", *argv),
            streetseg("train", *argv, *TINY, "--out", tmp_path / "run"),
        ):
            assert done.code == 2
            assert f"{line} (closest: north/0002)" in done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.bad_input(49, "a note counts lines, samples, and samples that are named twice")
def test_lines_and_samples_are_counted(tmp_path: Path, streetseg: Run) -> None:
    data = drives(tmp_path)
    for name, text in (("train.txt", "north/*\nnorth/0001\n\n# a remark\n"), ("val.txt", "south/0001.png\n")):
        (tmp_path / name).write_text(text)
    data.write_text(data.read_text() + "splits: {train: train.txt, val: val.txt}\n")

    done = streetseg("check", f"folder:{data}", "--json")

    assert f"{tmp_path}/train.txt: 2 lines, 3 samples, 1 named twice" in done.err
    assert f"{tmp_path}/val.txt: 1 line, 1 sample\n" in done.err
    assert f"{tmp_path}/train.txt: 2 lines, 3 samples, 1 named twice" in json.loads(done.out)["notes"]


@pytest.mark.bad_input(49, "Cityscapes' own list files, two full file names a line, are read")
def test_the_list_files_of_cityscapes_are_read(tmp_path: Path, streetseg: Run) -> None:
    root = tiny.cityscapes_folder(tmp_path / "city", n_train=3, n_val=2)
    for split in ("train", "val"):
        lines = []
        for path in sorted((root / "leftImg8bit" / split).rglob("*.png")):
            image = path.relative_to(root).as_posix()
            mask = image.replace("leftImg8bit/", "gtFine/", 1).replace("_leftImg8bit", "_gtFine_labelTrainIds")
            lines.append(f"{image}\t{mask}")
        (tmp_path / f"{split}.lst").write_text("\n".join(lines[1:]))
    lists = [f"data.splits.{split}={tmp_path / split}.lst" for split in ("train", "val")]

    assert images(found_by(streetseg, f"cityscapes:{root}", *lists)) == {"train": 2, "val": 1}


@pytest.mark.bad_input(49, "a line that pairs an image with another image's mask is an error")
def test_a_line_with_the_mask_of_another_image(tmp_path: Path, streetseg: Run) -> None:
    data = drives(tmp_path)
    (tmp_path / "train.txt").write_text("img/north/0000.png ann/north/0001.png\n")

    done = streetseg("check", f"folder:{data}", f"data.splits.train={tmp_path / 'train.txt'}")

    assert done.code == 2
    assert "names the mask of north/0001" in done.err


# 50: what is not used


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Assert that nothing below the folder is changed."""
    before = corpus.state(folder)
    yield
    assert corpus.state(folder) == before


def unlabeled_images(folder: Path) -> Path:
    """Write seven images, the last two without mask."""
    for k in range(7):
        image, labels = tiny.street(k)
        tiny.save(folder / "images" / f"{k}.png", image)
        if k < 5:
            tiny.save(folder / "masks" / f"{k}.png", labels)
    path = folder / "data.yaml"
    path.write_text(f"images: images\nmasks: masks\n{CLASSES}")
    return path


@pytest.mark.bad_input(50, "images without mask that no list names are a warning in every command")
def test_what_no_list_names_does_not_stop(tmp_path: Path, streetseg: Run) -> None:
    data = unlabeled_images(tmp_path / "data")
    (tmp_path / "data" / "masks" / "stray.png").write_bytes((tmp_path / "data" / "masks" / "0.png").read_bytes())
    data.write_text(data.read_text() + "splits: {train: ['[0-2]'], val: ['3', '4']}\n")

    with untouched(tmp_path / "data"):
        report = found_by(streetseg, f"folder:{data}")
        trained = streetseg("train", f"folder:{data}", *TINY, "--out", tmp_path / "run")
        scored = streetseg("evaluate", tmp_path / "run", f"folder:{data}")

    text = "in data that no used split needs: 2 times image without mask, 1 times mask without image"
    assert warned(report, "unused") == [text]
    for done in (trained, scored):
        assert done.code == 0, done.err
        assert f"warning: {text}" in done.err


@pytest.mark.bad_input(50, "in a used split they are refused with the field that skips them; a note counts the skipped")
def test_images_without_mask_can_be_skipped(tmp_path: Path, streetseg: Run) -> None:
    data = unlabeled_images(tmp_path / "data")
    data.write_text(data.read_text() + "splits: {train: 0.6, val: 0.4}\n")

    refused = streetseg("check", f"folder:{data}")
    skipped = streetseg("check", f"folder:{data}", "data.unlabeled=skip", "--json")

    assert refused.code == 2
    assert "images/5.png" in refused.err
    assert "data.unlabeled=skip leaves images without mask out" in refused.err
    assert skipped.code == 0
    assert "2 images without mask are skipped" in skipped.err
    assert images(json.loads(skipped.out)) == {"train": 3, "val": 2}


@pytest.mark.bad_input(50, "data.exclude leaves out the listed samples, and a note counts them")
def test_faulty_samples_can_be_excluded(tmp_path: Path, streetseg: Run) -> None:
    case = corpus.other_size(tmp_path / "data")
    lonely = corpus.nth(case.folder, "trainannot", 2)
    lonely.unlink()
    out = tmp_path / "exclude.txt"
    out.write_text(f"{case.culprits[0].stem}\ntrain/{lonely.name}\n")

    refused = streetseg("train", case.data, *TINY, "--out", tmp_path / "refused")
    report = found_by(streetseg, case.data, f"data.exclude={out}")
    trained = streetseg("train", case.data, *TINY, f"data.exclude={out}", "--out", tmp_path / "run")

    assert refused.code == 2
    assert "data.exclude=FILE leaves out the samples that a text file names" in refused.err
    assert images(report) == {"train": 4, "val": 3}
    assert f"{out}: 2 lines, 2 samples left out" in report["notes"]
    assert trained.code == 0, trained.err
    assert f"{out}: 2 lines, 2 samples left out" in trained.err


@pytest.mark.bad_input(50, "a line of data.exclude that names nothing is an error")
def test_an_exclusion_that_names_nothing(tmp_path: Path, streetseg: Run) -> None:
    data = f"camvid:{tiny.camvid_segnet(tmp_path / 'data')}"
    (tmp_path / "exclude.txt").write_text("nobody\n")

    done = streetseg("check", data, f"data.exclude={tmp_path / 'exclude.txt'}")

    assert done.code == 2
    assert f"{tmp_path / 'exclude.txt'}:1: nobody" in done.err


@pytest.mark.bad_input(50, "faults of a test split are a warning where train and val are used, and errors where it is")
def test_faults_of_a_split_that_is_not_used(tmp_path: Path, streetseg: Run) -> None:
    root = tiny.camvid_segnet(tmp_path / "data")
    for name in ("", "annot"):
        shutil.copytree(root / f"val{name}", root / f"test{name}")
    corpus.nth(root, "testannot", 0).unlink()
    damaged = corpus.nth(root, "test", 1)
    damaged.write_bytes(b"")
    data = f"camvid:{root}"

    report = found_by(streetseg, data, "--report", tmp_path / "page.html")
    trained = streetseg("train", data, *TINY, "--out", tmp_path / "run")
    used = streetseg("check", data, "data.val_split=test")
    scored = streetseg("evaluate", tmp_path / "run", data, "--split", "test")

    [unused] = [warning for warning in report["warnings"] if warning["kind"] == "unused"]
    assert str(damaged) in {file for entry in unused["entries"] for file in entry["files"]}
    assert trained.code == 0, trained.err
    assert (used.code, scored.code) == (2, 2)
    assert str(damaged) in used.err
    assert str(damaged) in scored.err


@pytest.mark.bad_input(50, "Cityscapes' train_extra without masks is a warning; with gtCoarse it can be chosen")
def test_train_extra_does_not_stop_and_can_be_chosen(tmp_path: Path, streetseg: Run) -> None:
    root = tiny.cityscapes_folder(tmp_path / "city", n_train=3, n_val=2)
    for tree in ("leftImg8bit", "gtFine"):
        shutil.copytree(root / tree / "train", root / tree / "train_extra")
    coarse = root / "gtCoarse" / "train_extra"
    shutil.move(root / "gtFine" / "train_extra", coarse)
    for path in list(coarse.rglob("*.png")):
        path.rename(path.with_name(path.name.replace("gtFine", "gtCoarse")))

    chosen = found_by(streetseg, f"cityscapes:{root}", "data.train_split=train_extra")
    shutil.rmtree(root / "gtCoarse")
    without = found_by(streetseg, f"cityscapes:{root}")
    missing = streetseg("check", f"cityscapes:{root}", "data.train_split=train_extra")

    assert images(chosen)["train_extra"] == 3
    assert f"{root}: masks of train_extra are gtCoarse_labelIds" in chosen["notes"]
    assert warned(without, "unused") == ["in data that no used split needs: 3 times image without mask"]
    assert missing.code == 2


@pytest.mark.bad_input(50, "globs of an unused split that match nothing are a warning")
def test_an_unused_split_without_files(tmp_path: Path, streetseg: Run) -> None:
    data = tiny.folder_yaml(tmp_path)
    text = data.read_text().replace(
        "classes:", "  test: {images: images/test/*.jpg, masks: masks/test/*.png}\nclasses:"
    )
    data.write_text(text)

    report = found_by(streetseg, f"folder:{data}")

    assert "no images match images/test/*.jpg" in warned(report, "unused")[0]


# 52: what there is in place of what is read


@pytest.mark.bad_input(52, "the error names their number, the kinds that are read, and globs for a YAML file; exit 2")
def test_masks_of_an_unknown_kind_are_named(tmp_path: Path, streetseg: Run) -> None:
    root = tiny.cityscapes_folder(tmp_path / "idd", n_train=3, n_val=2)
    for path in list((root / "gtFine").rglob("*.png")):
        path.with_name(path.name.replace("labelIds.png", "polygons.json")).write_text("{}")
        path.rename(path.with_name(path.name.replace("labelIds", "labellevel3Ids")))

    for argv in (("check",), ("train", "--encoder", "test_efficientnet", "--out", tmp_path / "run")):
        done = streetseg(argv[0], f"cityscapes:{root}", *argv[1:])
        assert done.code == 2
        assert "masks are gtFine_labellevel3Ids (5), which is not one of Cityscapes' kinds" in done.err
        assert "IDD is read as idd:DIR" in done.err
        assert "'gtFine/train/*/*_gtFine_labellevel3Ids.png'" in done.err

    described = tmp_path / "idd" / "idd.yaml"
    splits = "".join(
        f"  {split}: {{images: 'leftImg8bit/{split}/*/*_leftImg8bit.*',"
        f" masks: 'gtFine/{split}/*/*_gtFine_labellevel3Ids.png'}}\n"
        for split in ("train", "val")
    )
    described.write_text(f"space: cityscapes-34\nsplits:\n{splits}")
    assert images(found_by(streetseg, f"folder:{described}")) == {"train": 3, "val": 2}


@pytest.mark.bad_input(52, "archives that were each unpacked into a folder of its own are recognized")
def test_a_folder_for_each_archive(tmp_path: Path, streetseg: Run) -> None:
    root = tiny.cityscapes_folder(tmp_path / "city", n_train=3, n_val=2)
    for tree in ("leftImg8bit", "gtFine"):
        (root / f"{tree}_trainvaltest").mkdir()
        (root / tree).rename(root / f"{tree}_trainvaltest" / tree)

    assert images(found_by(streetseg, root)) == {"train": 3, "val": 2}


# Messages name the cure


@pytest.mark.parametrize(
    ("renamed", "cure"),
    [
        ("val: valid", "data.val_split=valid takes the split valid"),
        ("val: validation", "data.val_split=validation"),
        ("train: training", "data.train_split=training"),
    ],
)
def test_a_split_of_another_name_is_proposed(renamed: str, cure: str, tmp_path: Path, streetseg: Run) -> None:
    split, name = renamed.split(": ")
    data = tiny.folder_yaml(tmp_path)
    data.write_text(data.read_text().replace(f"  {split}: {{", f"  {name}: {{"))

    trained = streetseg("train", f"folder:{data}", *TINY, "--out", tmp_path / "run")

    assert trained.code == 2
    assert cure in trained.err
    assert cure in warned(found_by(streetseg, f"folder:{data}"), "no-split")[0]


def test_data_without_splits_are_divided(tmp_path: Path, streetseg: Run) -> None:
    data = drives(tmp_path)

    checked = streetseg("check", f"folder:{data}", "--write-splits", tmp_path / "lists")

    assert checked.code == 0, checked.err
    assert "the data has no split val: " in checked.err
    names = {name: (tmp_path / "lists" / f"{name}.txt").read_text().split() for name in ("train", "val")}
    assert len(names["train"]) + len(names["val"]) == 5
    assert names["val"]


def test_globs_of_another_depth_name_both_folders(tmp_path: Path, streetseg: Run) -> None:
    data = drives(tmp_path)
    for path in sorted((tmp_path / "ann").rglob("*.png")):
        path.rename(tmp_path / "ann" / f"{path.parent.name}_{path.name}")
    data.write_text(data.read_text().replace("ann/*/*.png", "ann/*.png"))

    done = streetseg("check", f"folder:{data}")

    assert done.code == 2
    assert "none of 5 images pairs with one of 5 masks" in done.err
    assert "an image is called 'north/0000', its mask perhaps 'north_0000'" in done.err
    assert f"{tmp_path}/img/north beside {tmp_path}/ann" in done.err


def test_images_and_masks_side_by_side(tmp_path: Path, streetseg: Run) -> None:
    for k in range(5):
        image, labels = tiny.street(k)
        tiny.save(tmp_path / f"{k}.png", image)
        tiny.save(tmp_path / f"{k}_mask.png", labels)
    data = tmp_path / "data.yaml"
    text = f"splits: {{train: 0.6, val: 0.4}}\n{CLASSES}"
    data.write_text(f"images: '*.png'\nmasks: '*_mask.png'\n{text}")
    report = found_by(streetseg, f"folder:{data}")

    data.write_text(f"images: '*.png'\nmasks: '*.png'\n{text}")
    same = streetseg("check", f"folder:{data}")

    assert images(report) == {"train": 3, "val": 2}
    assert f"{data}: 5 files that `images` and `masks` both name are taken as masks" in report["notes"]
    assert same.code == 2
    assert "10 files are named by `images` and by `masks`" in same.err


def test_the_same_classes_in_another_order_name_the_cure(tmp_path: Path, streetseg: Run) -> None:
    data = drives(tmp_path)
    data.write_text(data.read_text() + "splits: {train: ['north/*'], val: ['south/*']}\n")
    assert streetseg("train", f"folder:{data}", *TINY, "--out", tmp_path / "run").code == 0
    other = tmp_path / "other.yaml"
    names = [name.replace(" ", "_") for name in tiny.STREET_11.names]
    other.write_text(data.read_text().replace(", ".join(names), ", ".join(names[::-1])))

    done = streetseg("evaluate", tmp_path / "run", f"folder:{other}")

    assert done.code == 2
    assert "the classes of model and data differ: they are the same in another order" in done.err
    assert "each with its `id:` in the masks: classes: [{name: sky, id: 10}, ...]" in done.err


# 54: from Windows


def as_windows_writes(text: str, encoding: str) -> bytes:
    return text.replace("\n", "\r\n").encode(encoding)


@pytest.mark.bad_input(54, "byte order marks, UTF-16 and line ends of Windows are read: data.yaml, lists and recipes")
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_texts_from_windows_are_read(encoding: str, tmp_path: Path, streetseg: Run) -> None:
    data = drives(tmp_path)
    data.write_bytes(as_windows_writes(data.read_text() + "splits: {train: train.txt, val: val.txt}\n", encoding))
    (tmp_path / "train.txt").write_bytes(as_windows_writes("north\\0000.png\nnorth\\0001.png\n", encoding))
    (tmp_path / "val.txt").write_bytes(as_windows_writes("C:\\sets\\img\\south\\0001.png\n", encoding))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_bytes(as_windows_writes("data:\n  max_megapixels: 0.5\n", encoding))

    assert images(found_by(streetseg, f"folder:{data}", "--recipe", recipe)) == {"train": 2, "val": 1}


@pytest.mark.bad_input(54, "backslashes in globs are read as slashes")
def test_backslashes_in_globs(tmp_path: Path, streetseg: Run) -> None:
    data = drives(tmp_path)
    data.write_text(
        data.read_text().replace('"img/*/*.png"', r"'img\*\*.png'").replace('"ann/*/*.png"', r"'ann\*\*.png'")
    )

    assert sum(images(found_by(streetseg, f"folder:{data}")).values()) == 5


@pytest.mark.bad_input(54, "`on` and `off` without quotes are read as words of the recipe")
def test_on_and_off_in_a_recipe(tmp_path: Path, streetseg: Run) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("train:\n  compile: off\n  sync_batch_norm: yes\n")

    shown = streetseg("recipe", "show", "--recipe", recipe, "--json")

    assert shown.code == 0, shown.err
    assert "'compile': 'off'" in str(json.loads(shown.out))
    assert "'sync_batch_norm': True" in str(json.loads(shown.out))


INCORRECT = {
    "no": ("classes: [no, b]", 'YAML reads no as false, expected a text; write "no" in quotes'),
    "on": ("classes: [{name: on}]", 'write "on" in quotes'),
    "number": ("classes: [a, 7]", 'YAML reads 7 as the number 7, expected a text; write "7" in quotes'),
    "null": ("classes: [a, null]", 'YAML reads null as nothing, expected a text; write "null" in quotes'),
    "mapping": ("classes: {0: sky, 1: road}", "expected a list: classes: [{name: sky, id: 0}, ...]"),
    "tab": ("splits:\n\ttrain: 0.5", "indent by spaces; YAML takes no tabs"),
    "escape": (r'name: "a\*b"', "in double quotes a backslash begins an escape; write paths with /"),
    "other word": ("image: x", "unknown key image, did you mean images?"),
}


@pytest.mark.bad_input(
    54, "YAML's no, on, null and numbers as names, tabs, escapes: an error with the line and the cure"
)
@pytest.mark.parametrize(("line", "cure"), INCORRECT.values(), ids=INCORRECT)
def test_what_yaml_reads_otherwise_names_the_cure(line: str, cure: str, tmp_path: Path, streetseg: Run) -> None:
    path = tmp_path / "data.yaml"
    path.write_text(f"images: img\nmasks: ann\n{line}\n")

    done = streetseg("check", f"folder:{path}")

    assert done.code == 2
    assert cure in done.err
    assert f"{path}:{4 if 'splits' in line else 3}" in done.err


@pytest.mark.bad_input(54, "a text of another encoding is an error with its line and the cure")
def test_another_encoding_is_named_with_its_line(tmp_path: Path, streetseg: Run) -> None:
    data = drives(tmp_path)
    (tmp_path / "train.txt").write_bytes("north/0000\nstraße\n".encode("latin-1"))
    broken = tmp_path / "broken.yaml"
    broken.write_bytes("images: img\nmasks: ann\nclasses: [straße]\n".encode("latin-1"))

    no_mark = tmp_path / "no_mark.yaml"
    no_mark.write_bytes("images: img\n".encode("utf-16-le"))
    assert "UTF-16 without its byte order mark" in streetseg("check", f"folder:{no_mark}").err

    in_list = streetseg("check", f"folder:{data}", f"data.splits.train={tmp_path / 'train.txt'}")
    in_yaml = streetseg("check", f"folder:{broken}")
    in_recipe = streetseg("recipe", "check", broken)

    for done, place in ((in_list, "train.txt:2"), (in_yaml, "broken.yaml:3"), (in_recipe, "broken.yaml:3")):
        assert done.code == 2
        assert f"{tmp_path}/{place}" in done.err
        assert "save the file as UTF-8" in done.err
