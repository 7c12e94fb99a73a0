"""The splits that a data set has of its own, where streetseg makes one for validation."""

from streetseg.data.source import Source, SourceView


def own_splits(source: Source) -> Source:
    """Return the source in its classes with the splits of its files."""
    if isinstance(source, SourceView):
        own = source.source
        return own if own.space == source.space else SourceView(own, space=source.space, splits=own.splits)
    return source
