"""What stands in a terminal of 80 and 120 columns: the bar, the lines above it, colors."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from short_run import train
from streetseg.cli.main import main
from streetseg.cli.output import counted_bar, print_error, say, show_log, tell
from streetseg.errors import RequestError
from streetseg.training.progress import Progress
from terminal import in_terminal, shown
from tiny import camvid_segnet


def command(*argv: object) -> Callable[[], None]:
    """Return a function that runs `streetseg ARGV...`."""

    def work() -> None:
        sys.argv = ["streetseg", *map(str, argv)]
        main()

    return work


@pytest.mark.parametrize("columns", [80, 120])
def test_train_in_a_terminal(columns: int, tmp_path: Path) -> None:
    argv = [word for word in train(camvid_segnet(tmp_path / "camvid"), tmp_path / "run", epochs=2) if word != "--quiet"]

    code, output = in_terminal(command(*argv), columns=columns)

    assert code == 0
    screen = shown(output, columns)
    rows = [row.rstrip() for row in screen.rows]
    assert len([row for row in rows if row.startswith("epoch ") and row.endswith(" s")]) == 2  # each in one row
    scores = [row for row in rows if "IoU" in row]
    assert len(scores) == 4
    assert all(row.count("IoU") == row.count("%") for row in scores)
    steps = [row for row in rows if row.startswith("training is done") or row.startswith("its latency")]
    assert len(steps) == 2
    assert not any("━" in row for row in rows)  # the bar is gone
    bars = [row for row in screen.seen if "6/6" in row and "━" in row]
    assert bars
    assert all("epoch 2/2" in bar and "0:00:0" in bar for bar in bars)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_bar_keeps_count_loss_and_time_left(columns: int) -> None:
    def work() -> None:
        with Progress("run 12 of 14: efficientnet_lite4_with_a_long_name seed 10", 12000, done=11999) as progress:
            progress.step("epoch 20/20 loss 12.872", "lr 5.7e-05 87.3 images/s")

    _, output = in_terminal(work, columns=columns)

    bar = next(row for row in reversed(shown(output, columns).seen) if row)
    assert len(bar) <= columns
    assert "12000/12000 epoch 20/20 loss 12.872" in bar
    assert bar.rstrip().endswith("0:00:00")
    assert "lr 5.7e-05" not in bar


def test_a_log_line_never_glues_to_a_bar() -> None:
    def work() -> None:
        with counted_bar("images") as progress:
            progress(1, 3)
            tell("engine: openvino, the fastest here")
            progress(3, 3)
        say("3 images")

    _, output = in_terminal(work)

    assert [row.rstrip() for row in shown(output).rows if row] == ["engine: openvino, the fastest here", "3 images"]


def test_lines_are_broken_between_words_and_paths_are_kept() -> None:
    path = "/data/" + "a-long-folder/" * 6

    _, output = in_terminal(lambda: say("One sentence. " * 7, f"    report: {path}"))

    *sentences, report, there = output.splitlines()
    assert len(sentences) == 2
    assert " ".join(sentences).split() == ["One", "sentence."] * 7
    assert (report, there) == ("    report:", f"    {path}")


def test_a_line_with_a_command_is_left_to_the_terminal() -> None:
    line = "next: streetseg check " + "cityscapes " * 9

    assert in_terminal(lambda: say(line, whole=True))[1].splitlines() == [line]


def test_study_says_what_it_does_and_ends_with_a_table(tmp_path: Path) -> None:
    data, out = camvid_segnet(tmp_path / "camvid"), tmp_path / "study"
    argv = ["study", *(word for word in train(data, out, "--seeds", 2, epochs=1)[1:] if word != "--quiet")]
    argv = [word for word in argv if not str(word).startswith("model.encoder")]

    code, output = in_terminal(command(*argv, "--encoders", "test_efficientnet,test_resnet"))

    assert code == 0
    rows = [row.rstrip() for row in shown(output).rows]
    assert max(map(len, rows)) <= 80 or any(str(tmp_path) in row for row in rows)
    assert [row for row in rows if "in all, an estimate" in row]
    begun = [row for row in rows if row.startswith("run ") and " seed " in row and ", about " in row]
    assert [row.split(",")[0] for row in begun] == [
        "run 1 of 4: test_efficientnet seed 0",
        "run 2 of 4: test_resnet seed 0",
        "run 3 of 4: test_efficientnet seed 1",
        "run 4 of 4: test_resnet seed 1",
    ]
    assert any(row.startswith("run 2 of 4") for row in shown(output).seen if "━" in row)
    table = next(i for i, row in enumerate(rows) if row.startswith("encoder "))
    assert rows.index("all runs are done; they are compared, and the report is written") < table
    head, *encoders = rows[table : table + 3]
    assert head.split("  ")[-1] == "initial weights"
    assert {row.split()[0] for row in encoders} == {"test_efficientnet", "test_resnet"}
    assert all(" ms " in row and " M " in row and row.endswith("random weights") for row in encoders)
    assert "not distinguishable" in " ".join(rows[table + 3 :])


RED, YELLOW, BOLD = "\x1b[31m", "\x1b[33m", "\x1b[1m"


def colorful() -> None:
    """Print an error, a warning and a verdict."""
    show_log(quiet=False, silent=False)
    logging.getLogger("streetseg").warning("files are missing")
    say("A is better than B", bold=True)
    print_error(RequestError("no such encoder", where="--encoder x", hint="y"), as_json=False)


def test_errors_warnings_and_the_verdict_have_color() -> None:
    _, output = in_terminal(colorful)

    assert f"{YELLOW}warning: files are missing" in output
    assert f"{BOLD}A is better than B" in output
    assert f"{RED}{BOLD}error:" in output
    assert shown(output).rows[-4:-1] == ["error: no such encoder", "where: --encoder x", "hint:  y"]


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_no_color_where_it_is_not_wanted(environment: dict[str, str]) -> None:
    assert "\x1b[" not in in_terminal(colorful, **environment)[1]


def test_no_color_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    colorful()

    out, err = capsys.readouterr()
    assert out == "A is better than B\n"
    assert err.splitlines() == [
        "warning: files are missing", "error: no such encoder", "where: --encoder x", "hint:  y",
    ]  # fmt: skip
