"""Types for an engine's `Options` that say more than their Python type, so that a mistake is told before it is made."""

from typing import Annotated, TypeAlias

from msgspec import Meta

PATH = "vivavoce.path"
"""What such a type says in its `Meta.extra`: which path an option is. See `vivavoce.declared`."""
ADDRESS = r"^https?://[^/\s]+"

LocalFile: TypeAlias = Annotated[str, Meta(extra={PATH: "file"})]
"""A file of this machine; empty: none."""
LocalFolder: TypeAlias = Annotated[str, Meta(extra={PATH: "folder"})]
"""A folder of this machine; empty: none."""
FolderOrName: TypeAlias = Annotated[str, Meta(extra={PATH: "folder or name"})]
"""A folder of this machine, or a name that only the engine's library knows."""
Address: TypeAlias = Annotated[str, Meta(pattern=ADDRESS, description="an address, such as http://localhost:11434/v1")]
"""Where a server is."""
Count: TypeAlias = Annotated[int, Meta(ge=0)]
"""How many; mostly 0 leaves it to somebody."""
AtLeastOne: TypeAlias = Annotated[int, Meta(ge=1)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0)]
Probability: TypeAlias = Annotated[float, Meta(gt=0, le=1)]
