"""What the control interface itself refuses.  Known to the command line by its codes."""

from mirrord.core.errors import UsageError


class UnknownCollectionError(UsageError):
    """No joined collection goes by that name."""

    code = "unknown_collection"


class AmbiguousCollectionError(UsageError):
    """More than one does."""

    code = "ambiguous_collection"


class UnknownShardError(UsageError):
    """The collection has no such shard, or this node does not hold it."""

    code = "unknown_shard"
