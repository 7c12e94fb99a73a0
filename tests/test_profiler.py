"""The profiler: each part gets its own time, and without measuring no clock is read."""

import pytest

from streetseg.profiler import Profiler


class Clock:
    """A clock that a test moves forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("streetseg.profiler.time.perf_counter", lambda: self.now)

    def passes(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_each_part_gets_its_own_time_and_the_outer_one_the_rest(clock: Clock) -> None:
    profiler = Profiler(lambda: None)
    with profiler("other"):
        clock.passes(1)
        for _ in range(2):
            with profiler("step"):
                clock.passes(3)
                with profiler("inner"):
                    clock.passes(0.5)
        clock.passes(2)
    assert profiler.seconds == {"inner": 1.0, "step": 6.0, "other": 3.0}
    profiler.images = 4
    assert profiler.as_dict() == {
        "images": 4,
        "seconds": 10.0,
        "parts": {
            "inner": {"seconds": 1.0, "ms_per_image": 250.0, "share": 0.1},
            "step": {"seconds": 6.0, "ms_per_image": 1500.0, "share": 0.6},
            "other": {"seconds": 3.0, "ms_per_image": 750.0, "share": 0.3},
        },
    }
    head, *parts = profiler.lines()
    assert head == "where 10.0 s went, for 4 images:"
    assert [line.split() for line in parts][1] == ["step", "1500.00", "ms", "an", "image", "60.0", "%"]


def test_what_the_device_still_does_is_waited_for_inside(clock: Clock) -> None:
    late = [0.0]

    def finish() -> None:
        clock.passes(late[0])
        late[0] = 0.0

    profiler = Profiler(finish)
    late[0] = 7.0  # asked for before: nobody's
    with profiler("forward"):
        late[0] = 2.0
    assert profiler.seconds == {"forward": 2.0}


def test_a_part_that_fails_has_taken_time_too(clock: Clock) -> None:
    profiler = Profiler(lambda: None)
    with pytest.raises(ValueError, match="bad"), profiler("other"), profiler("step"):
        clock.passes(1)
        raise ValueError("bad")
    assert profiler.seconds == {"step": 1.0, "other": 0.0}


def test_without_measuring_no_clock_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("streetseg.profiler.time.perf_counter")
    profiler = Profiler()
    with profiler("other"), profiler("step"):
        pass
    assert not profiler.measured
    assert profiler.seconds == {}
