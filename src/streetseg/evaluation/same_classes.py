"""Whether a network and the data it is scored on speak of the same classes."""

from streetseg.errors import RequestError
from streetseg.labels.mappings import bridges_from
from streetseg.labels.space import LabelSpace
from streetseg.labels.tables import space


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
    reordered = sorted(model.names) == sorted(data.names)
    if model.name in bridges_from(start) and model.names == space(model.name).names:
        hint = f"--space {model.name} bridges the data to the model's classes"
    elif reordered:
        first = f"{{name: {model.names[0]}, id: {data.names.index(model.names[0])}}}"
        hint = (
            f"no bridge leads from {start.name} to the model's classes; a folder:FILE.yaml lists them in the model's"
            f" order, each with its `id:` in the masks: classes: [{first}, ...]"
        )
    else:
        hint = f"no bridge leads from {start.name} to the model's classes; score it on data that have them"
    raise RequestError(
        "the classes of model and data differ" + (": they are the same in another order" if reordered else ""),
        where=(_listed("model", model), _listed("data", data)),
        hint=hint,
    )


def _listed(whose: str, classes: LabelSpace) -> str:
    return f"{whose}: {classes.name}, {classes.num_classes} classes ({', '.join(classes.names)})"
