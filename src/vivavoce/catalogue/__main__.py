"""`python -m vivavoce.catalogue`: fetch the embedded brain's weights, if they are not here yet."""

import sys

from vivavoce.catalogue.embedded import fetch
from vivavoce.catalogue.files import FetchFailed

try:
    fetch()
except FetchFailed as failed:
    sys.exit(str(failed))
