"""Labels as regions: polygons of GeoJSON, and run lengths of COCO. Both give back the labels exactly."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from streetseg.data.convert.coco import annotation, categories
from streetseg.data.sources.shapes.outlines import polygons
from streetseg.labels.space import LabelSpace


def coco(ids: NDArray[np.uint8], space: LabelSpace, file_name: str) -> dict[str, Any]:
    """Return a COCO object with one annotation per class that the labels (H, W) hold.

    The segmentation is COCO's uncompressed run lengths, because its polygons have no holes. Category ids count from 1.
    """
    height, width = ids.shape
    return {
        "images": [{"id": 1, "file_name": file_name, "height": height, "width": width}],
        "categories": categories(space),
        "annotations": [
            annotation(ids == k, number, image=1, category=int(k) + 1, crowd=True)
            for number, k in enumerate(np.unique(ids), start=1)
        ],
    }


def geojson(ids: NDArray[np.uint8], space: LabelSpace) -> dict[str, Any]:
    """Return a GeoJSON object with one MultiPolygon per class that the labels (H, W) hold.

    Coordinates are pixels from the upper left corner of the image, x to the right and y downwards.
    """
    features = [
        {
            "type": "Feature",
            "properties": {"id": int(k), "class": space.names[k], "color": list(space.colors[k])},
            "geometry": {"type": "MultiPolygon", "coordinates": polygons(ids == k)},
        }
        for k in np.unique(ids)
    ]
    return {"type": "FeatureCollection", "features": features}
