"""The operations on batches."""

from vivavoce.wire.batches import BatchBody, BatchPage, BatchQuery, NewBatch
from vivavoce.wire.errors import Envelope
from vivavoce.wire.operation import FOUND, JSON, LISTED, Operation

BATCHES = "/batches"
BATCH = f"{BATCHES}/{{batch_id}}"

BATCHING = (
    Operation(
        "createBatch",
        "POST",
        BATCHES,
        "Leave requests to be answered later.",
        {JSON: (BatchBody,)},
        takes={JSON: (NewBatch,)},
        fails={**FOUND, **dict.fromkeys((400, 413, 429), (Envelope,))},
    ),
    Operation("listBatches", "GET", BATCHES, "Batches, part by part.", {JSON: (BatchPage,)}, BatchQuery, fails=LISTED),
    Operation("retrieveBatch", "GET", BATCH, "One batch.", {JSON: (BatchBody,)}, fails=FOUND),
    Operation(
        "cancelBatch",
        "POST",
        f"{BATCH}/cancel",
        "Cancel a batch; what is done of it is kept.",
        {JSON: (BatchBody,)},
        fails={**FOUND, **dict.fromkeys((409, 415), (Envelope,))},
    ),
)
