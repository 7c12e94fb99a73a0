"""Whether a network and the data it is scored on speak of the same classes."""

from streetseg.errors import RequestError
from streetseg.labels.bridges import bridges_from
from streetseg.labels.space import LabelSpace
from streetseg.labels.spaces import space


def refuse_other_classes(model: LabelSpace, data: LabelSpace, *, masks: LabelSpace | None = None) -> None:
    """Raises RequestError unless model and data have the same classes in the same order.

    Args:
        model, data: the label spaces.
        masks: the space the data's masks are drawn in, where `data` was bridged from it; the hint names the bridge that
            leads from there to the model's classes.
    """
    if model.names == data.names:
        return
    start = masks or data
    bridged = model.name in bridges_from(start) and model.names == space(model.name).names
    cure = "score it on data that have them"
    if sorted(model.names) == sorted(data.names):
        cure = (
            "they are the same in another order: list them in the model's order in a folder:FILE.yaml, each with the"
            " `id:` that it has in the masks"
        )
    raise RequestError(
        "the classes of model and data differ",
        where=(_listed("model", model), _listed("data", data)),
        hint=f"--space {model.name} bridges the data to the model's classes"
        if bridged
        else f"no bridge leads from {start.name} to the model's classes; {cure}",
    )


def _listed(whose: str, classes: LabelSpace) -> str:
    return f"{whose}: {classes.name}, {classes.num_classes} classes ({', '.join(classes.names)})"
