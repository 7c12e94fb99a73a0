"""The videos of `streetseg predict`."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from streetseg.cli.output import counted_bar, print_json, say, tell
from streetseg.errors import RequestError
from streetseg.text import counted

if TYPE_CHECKING:
    from streetseg.cli import outputs
    from streetseg.cli.predict_images import Request


def predict_videos(
    request: "Request", videos: Sequence[str], kinds: Sequence[str], *, smooth: float, json: bool
) -> None:
    """Label videos one after the other and print what was written.

    Args:
        smooth, json: the flags of the command.

    Raises:
        RequestError: images are among the videos, two videos have the same stem, or a flag is wrong.
        DataError: a video cannot be read.
    """
    from streetseg.inference.finished import model_digest
    from streetseg.inference.video import is_video, predict_video, require_smooth
    from streetseg.inference.video_files import is_live

    if others := [text for text in videos if not is_video(text)]:
        raise RequestError("videos and images in one command", where=others, hint="predict them with two commands")
    require_smooth(smooth)
    if len({Path(text).stem for text in videos}) < len(videos):
        hint = "predict them into separate folders"
        raise RequestError("two videos of one name, whose results would replace each other", where=videos, hint=hint)
    predictor = request.load()
    values, model = request.values(predictor), model_digest(request.model)
    done = []
    for video in videos:
        start = time.perf_counter()
        try:
            with counted_bar("frames", hidden=json) as progress:
                labeled = predict_video(
                    predictor, video, request.out, kinds, values=values, smooth=smooth, model=model, on_frame=progress
                )
        except KeyboardInterrupt:
            if not is_live(video):
                tell(f"{video}: stopped; the same command goes on where it was stopped")
            raise
        seconds = time.perf_counter() - start
        done.append({"input": video, **labeled.paths, "frames": labeled.frames, "seconds": seconds})
        if not json:
            before = f", {labeled.repeated} of them before" if labeled.repeated else ""
            smoothed = f"; smoothed over frames, weight {smooth:g}" if smooth else ""
            written = ", ".join(map(str, labeled.paths.values()))
            say(f"{counted(labeled.frames, 'frame')} labeled in {seconds:.1f} s{before}{smoothed}: {written}")
    if json:
        output: outputs.PredictVideos = {
            "out": request.out,
            "classes": predictor.space.names,
            "ids": request.ids,
            "smooth": smooth,
            "videos": cast("list[outputs.LabeledVideo]", done),
        }
        print_json(output)
