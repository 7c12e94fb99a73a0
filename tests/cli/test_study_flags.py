import pytest

from streetseg.cli.study import split_names, weights_by_encoder
from streetseg.errors import RequestError


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        (None, {"mobile": "auto", "resnext": "auto"}),
        ("none", {"mobile": "none", "resnext": "none"}),
        ("runs/a=b", {"mobile": "runs/a=b", "resnext": "runs/a=b"}),
        ("resnext=runs/scenes", {"mobile": "auto", "resnext": "runs/scenes"}),
        ("mobile=none,resnext=a=b.safetensors", {"mobile": "none", "resnext": "a=b.safetensors"}),
    ],
)
def test_weights_for_all_or_for_each(text: str | None, starts: dict[str, str]) -> None:
    assert weights_by_encoder(text, ["mobile", "resnext"], default="auto") == starts


@pytest.mark.parametrize("text", ["mobile=none,resnet=none", "mobile=none,mobile=auto", "mobile=none,auto", "mobile="])
def test_weights_of_no_encoder_or_twice_are_refused(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        weights_by_encoder(text, ["mobile", "resnext"], default="auto")

    assert caught.value.hint == "ENCODER=FILE,... of the encoders mobile, resnext"


def test_encoder_names() -> None:
    assert split_names(" a, b,") == ["a", "b"]
