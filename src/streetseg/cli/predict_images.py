"""The images of `streetseg predict`."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from streetseg.cli.output import counted_bar, print_result, say, tell
from streetseg.text import counted

if TYPE_CHECKING:
    from streetseg.cli import outputs
    from streetseg.inference.logits import Views
    from streetseg.inference.predictor import Predictor


@dataclass(frozen=True)
class Request:
    """What the results of a command depend on besides its inputs: the flags of `streetseg predict`."""

    model: Path
    out: Path
    ids: str
    engine: str
    precision: str
    device: str
    views: "bool | Views"
    tile: int | None

    def load(self, images: int | None = None) -> "Predictor":
        """Return the model, ready to predict `images` images."""
        from streetseg.inference.predictor import Predictor

        return Predictor.load(
            self.model,
            self.device,
            self.precision,
            engine=self.engine,
            tta=self.views,
            tile=self.tile,
            images=images,
        )

    def values(self, predictor: "Predictor") -> NDArray[np.uint8] | None:
        """Return the pixel value of each class in a mask, uint8 (C,); None for the ids of the model."""
        from streetseg.labels.mappings import cityscapes_ids, own_ids

        match self.ids:
            case "own":
                return own_ids(predictor.space, predictor.engine.mask_ids)
            case "cityscapes":
                return cityscapes_ids(predictor.space)
            case _:
                return None

    def described(self, kinds: Sequence[str]) -> dict[str, Any]:
        """Return what the results depend on, as JSON can hold it, the same on every machine."""
        from streetseg.inference.finished import model_digest

        return {
            "model": model_digest(self.model),
            "precision": self.precision,
            "views": str(self.views),
            "tile": self.tile,
            "ids": self.ids,
            "kinds": sorted(kinds),
        }


def predict_images(
    request: Request,
    inputs: Sequence[str],
    kinds: tuple[str, ...],
    *,
    shard: str | None,
    ray: str | None,
    submission: Path | None,
    max_megapixels: float,
    json: bool,
) -> None:
    """Label images and print what was written.

    Args:
        kinds: of results.
        shard, ray, submission, max_megapixels, json: the flags of the command.

    Raises:
        RequestError: an input is no image, a result would replace a file, or a flag is wrong.
        UnreadError: images cannot be read; the others are labeled.
    """
    from streetseg.inference.finished import FinishedImages
    from streetseg.inference.inputs import find_images
    from streetseg.inference.predict_files import UnreadError, predict_to_folder, require_free, shard_of
    from streetseg.inference.remote import gathered
    from streetseg.inference.submission import require_submission, write_submission

    start = time.perf_counter()
    with gathered(inputs) as (places, missing):
        files = find_images(list(places)) if places else {}
        results = require_free(files, request.out, kinds)
        if submission is not None:
            require_submission(files, submission, round(max_megapixels * 1e6))
        if shard is not None:
            files = shard_of(files, shard)
        predictor = request.load(1 if ray is not None else len(files))
        values = request.values(predictor)
        part = "all" if shard is None else shard.replace("/", "of")
        finished = FinishedImages(request.out, request.described(kinds), part)
        done: list[dict[str, Any]] = []
        unread: UnreadError | None = None

        def on_written(written: dict[str, Any]) -> None:
            done.append({**written, "input": places.get(str(written["input"]), written["input"])})

        try:
            with counted_bar("images", hidden=json) as progress:
                options: dict[str, Any] = {
                    "values": values,
                    "unread": missing,
                    "max_megapixels": max_megapixels,
                    "finished": finished,
                    "on_image": progress,
                    "on_written": on_written,
                }
                if ray is None:
                    predict_to_folder(predictor, files, request.out, kinds, **options)
                else:
                    from streetseg.inference.ray_workers import predict_with_ray

                    load = replace(request, engine=predictor.engine.name).load
                    predict_with_ray(load, ray, files, request.out, kinds, **options)
        except UnreadError as error:
            unread = error
        except KeyboardInterrupt:
            tell("stopped; the same command goes on with the images that are left")
            raise
        if shard is None:
            finished.forget()
        if submission is not None and unread is None:
            write_submission({path: results[path]["ids"] for path in files}, submission)
    if json:
        output: outputs.PredictImages = {
            "out": request.out,
            "classes": predictor.space.names,
            "ids": request.ids,
            "class_ids": list(range(predictor.space.num_classes)) if values is None else values.tolist(),
            "engine": predictor.engine.name,
            "precision": predictor.engine.precision,
            "images": cast("list[outputs.LabeledImage]", done),
            "seconds": time.perf_counter() - start,
        }
        if submission is not None and unread is None:
            output["submission"] = submission
        print_result(output, unread)
    say(f"{counted(len(done), 'image')} labeled in {time.perf_counter() - start:.1f} s: {request.out}")
    if submission is not None and unread is None:
        say(f"{counted(len(files), 'mask')} packed for the Cityscapes server: {submission}")
    if unread is not None:
        raise unread
