"""LiteLLM's own price of each row of a ledger, which come as JSON, one a line: model, usage, and our price in USD."""

import json
import os
import sys
from decimal import Decimal
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its own prices, not those of the day

import litellm
from litellm.types.utils import ModelResponse, Usage

CLOSE = 1e-9
"""Of the sum: it reckons with floats."""

priced = 0
for line in sys.stdin:
    row: Any = json.loads(line)
    answer = ModelResponse(model=row["model"], usage=Usage(**row["usage"]))
    theirs, ours = litellm.completion_cost(answer, model=row["model"]), float(Decimal(row["usd"]))
    assert abs(theirs - ours) <= CLOSE * ours, f"LiteLLM says ${theirs}, the row ${ours}: {row}"
    priced += ours > 0
sys.stdout.write(f"{priced}\n")
