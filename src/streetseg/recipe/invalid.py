"""What pydantic found wrong with a file, in one line."""

from pydantic import ValidationError

from streetseg.errors import first

_LISTED = 5  # faults named in one message


def invalid(error: ValidationError) -> str:
    """`path.to.key: what is wrong`, for the first few."""
    found = error.errors(include_input=False, include_url=False)
    faults = [": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"]))) for fault in found]
    return "; ".join(first(faults, _LISTED))
