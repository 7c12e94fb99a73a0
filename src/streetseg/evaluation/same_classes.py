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
    where = (_listed("model", model), _listed("data", data))
    if sorted(model.names) == sorted(data.names):
        raise RequestError(
            "the classes of model and data are the same in another order",
            where=where,
            hint="in the data.yaml, list the classes in the model's order, each with its `id:` in the masks: "
            f"classes: [{{name: {model.names[0]}, id: {data.names.index(model.names[0])}}}, ...]",
        )
    start = masks or data
    bridged = model.name in bridges_from(start) and model.names == space(model.name).names
    raise RequestError(
        "the classes of model and data differ",
        where=where,
        hint=f"--space {model.name} bridges the data to the model's classes"
        if bridged
        else f"no bridge leads from {start.name} to the model's classes; score it on data that have them",
    )


def _listed(whose: str, classes: LabelSpace) -> str:
    return f"{whose}: {classes.name}, {classes.num_classes} classes ({', '.join(classes.names)})"
