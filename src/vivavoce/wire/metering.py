"""The operations that tell what was used and what it cost; the original's."""

from vivavoce.wire.operation import ADMINISTRATION, JSON, LISTED, Operation
from vivavoce.wire.usage import CompletionsUsageQuery, CostsQuery, UsagePage, UsageQuery

USAGE = f"{ADMINISTRATION}usage/"
TOLD = {JSON: (UsagePage,)}

METERING = (
    Operation(
        "usage-completions",
        "GET",
        f"{USAGE}completions",
        "Tokens of chats.",
        TOLD,
        CompletionsUsageQuery,
        fails=LISTED,
    ),
    Operation(
        "usage-audio-speeches",
        "GET",
        f"{USAGE}audio_speeches",
        "Characters read aloud.",
        TOLD,
        UsageQuery,
        fails=LISTED,
    ),
    Operation(
        "usage-audio-transcriptions",
        "GET",
        f"{USAGE}audio_transcriptions",
        "Seconds written down.",
        TOLD,
        UsageQuery,
        fails=LISTED,
    ),
    Operation("usage-costs", "GET", f"{ADMINISTRATION}costs", "USD of all of these.", TOLD, CostsQuery, fails=LISTED),
)
