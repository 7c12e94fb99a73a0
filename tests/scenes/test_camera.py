"""The camera, and what is built on it: strokes and shadows."""

import math

import numpy as np
import pytest

from streetseg.scenes.camera import NEAR, Camera, clip_near
from streetseg.scenes.canvas import CAR, IGNORE, ROAD, SKY, Canvas, mark
from streetseg.scenes.light import draw_light
from streetseg.scenes.painter import Painter, hull
from streetseg.scenes.rng import Rng
from streetseg.scenes.street import Shade, draw_street
from streetseg.scenes.texture import Material

CAMERA = Camera(640, 480, 500.0, (1.0, 1.5, -2.0), yaw=0.2, pitch=0.1, roll=0.05)


LEVEL = Camera(320, 240, 260.0, (0.0, 1.5, 0.0))


def a_painter(camera: Camera = LEVEL) -> Painter:
    return Painter(Canvas(120, 160), camera, draw_light(Rng(0)), draw_street(Rng(0)))


def test_axes_are_a_right_angled_frame() -> None:
    axes = np.array(CAMERA.axes)
    assert np.allclose(axes @ axes.T, np.eye(3))


def test_a_level_camera_sees_the_horizon_in_the_middle() -> None:
    painter = a_painter(Camera(640, 480, 500.0, (0.0, 1.5, 0.0)))
    seen = painter.path([(x, 1.5, 300.0) for x in (-9.0, 0.0, 9.0)])
    assert seen
    path, distance = seen
    assert distance == pytest.approx(300.0)
    assert path[1::2] == pytest.approx([240.0, 240.0, 240.0])
    assert path[4] - path[0] == pytest.approx(500.0 * 18.0 / 300.0)


def test_rays_undo_the_projection() -> None:
    painter = a_painter(CAMERA)
    x, y, z = CAMERA.rays(48, 64)
    for row, column in ((0, 0), (20, 33), (47, 63)):
        px, py, pz = (float(p + 7.0 * r[row, column]) for p, r in zip(CAMERA.position, (x, y, z), strict=True))
        seen = painter.path([(px - painter.street.offset(pz), py, pz)])
        assert seen
        u, v = seen[0]
        assert (u / 10 - 0.5, v / 10 - 0.5) == (pytest.approx(column, abs=1e-3), pytest.approx(row, abs=1e-3))


def test_clipping_keeps_what_is_ahead() -> None:
    square = [[-1.0, 0.0, -1.0], [1.0, 0.0, -1.0], [1.0, 0.0, 3.0], [-1.0, 0.0, 3.0]]
    kept = clip_near(square)
    assert sorted(p[2] for p in kept) == pytest.approx([NEAR, NEAR, 3.0, 3.0])
    assert clip_near([[0.0, 0.0, -1.0], [1.0, 0.0, -2.0], [0.0, 1.0, -1.0]]) == []


def test_a_stroke_paints_color_and_class_together() -> None:
    canvas = Canvas(20, 30)
    canvas.polygon([10, 10, 40, 10, 40, 30, 10, 30], (200, 10, 10, mark(CAR, Material.PAINT)))
    canvas.ellipse(20, 20, 4, 4, (10, 200, 10, mark(IGNORE, Material.METAL)))
    labels, colors = canvas.labels(), canvas.colors()
    assert set(np.unique(labels)) == {SKY, CAR, IGNORE}
    assert (colors[labels == CAR][:, 0] >= 50).all()  # where they meet, three of four fine pixels may be the other's
    assert canvas.materials()[10, 10] == Material.METAL
    canvas.recolor(np.full((20, 30, 3), 7, np.uint8))
    assert (canvas.colors() == 7).all()
    assert np.array_equal(canvas.labels(), labels)


def test_every_class_and_material_survives_the_mark() -> None:
    canvas = Canvas(4, 4)
    for label in (*range(11), IGNORE):
        for material in Material:
            canvas.polygon([0, 0, 8, 0, 8, 8, 0, 8], (0, 0, 0, mark(label, material)))
            assert canvas.labels()[2, 2] == label
            assert canvas.materials()[2, 2] == material


def test_what_is_farther_is_smaller_and_hazier() -> None:
    painter = a_painter()
    assert painter.pixels(1.0, 10.0) == pytest.approx(2 * painter.pixels(1.0, 20.0))
    near, far = (painter.ink((0.0, 0.0, 0.0), ROAD, Material.PAINT, d)[0] for d in (5.0, 500.0))
    assert near < far


def test_what_is_out_of_sight_leaves_no_trace() -> None:
    painter = a_painter()
    blank = painter.canvas.colors()
    behind = [(0.0, 0.0, -9.0), (1.0, 0.0, -9.0), (1.0, 2.0, -9.0)]
    painter.polygon(behind, (1.0, 0.0, 0.0), CAR, Material.PAINT)
    painter.limb(behind[0], behind[1], (0.2, 0.2), (1.0, 0.0, 0.0), CAR, Material.PAINT)
    painter.polygon([(900.0, 0.0, 9.0), (901.0, 0.0, 9.0), (901.0, 2.0, 9.0)], (1.0, 0.0, 0.0), CAR, Material.PAINT)
    assert np.array_equal(painter.canvas.colors(), blank)
    assert not painter.sees(behind[0], 1.0)
    assert painter.sees((0.0, 1.0, 12.0), 1.0)


def test_hull_of_a_square_with_points_inside() -> None:
    corners = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]
    assert sorted(hull([*corners, (1.0, 1.0), (1.0, 0.0), (0.5, 1.5)])) == sorted(corners)


def test_houses_on_the_sunny_side_shade_the_other() -> None:
    light, street = draw_light(Rng(0)), draw_street(Rng(1))
    height = 10.0
    from_right = (math.sqrt(0.5), math.sqrt(0.5), 0.0)
    sunny = type(light)(**{**vars(light), "to_sun": from_right, "sun": (1.0, 1.0, 1.0)})
    shade = Shade(sunny, street, (), ((-100.0, 100.0, height),))
    front = street.front(1)
    assert shade.line(front - 4.0, 0.0) == pytest.approx(height - 4.0)
    assert shade.sunshine(front - 4.0, 0.0) == 0.0
    assert shade.sunshine(front - 9.5, 0.0) == 1.0
    assert Shade(sunny, street, ((-100.0, 100.0, height),), ()).sunshine(0.0, 0.0) == 1.0


def test_streams_of_dice_do_not_disturb_each_other() -> None:
    one, other = Rng(4, 2), Rng(4, 2)
    first, second = one.child(), one.child()
    one.uniform()
    again = other.child()
    assert [first.uniform() for _ in range(300)] == [again.uniform() for _ in range(300)]
    assert first.uniform() != second.uniform()


def test_dice_keep_their_promises() -> None:
    rng = Rng(8)
    drawn = [rng.integer(2, 4) for _ in range(300)]
    assert set(drawn) == {2, 3, 4}
    picked = [rng.pick("ab", (9, 1)) for _ in range(500)]
    assert 0.03 < picked.count("b") / 500 < 0.2
    bells = [rng.bell(5.0, 2.0) for _ in range(1000)]
    assert np.mean(bells) == pytest.approx(5.0, abs=0.3)
    assert np.std(bells) == pytest.approx(2.0, abs=0.2)
    assert max(abs(b - 5.0) for b in bells) <= 6.0
