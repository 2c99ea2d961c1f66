"""What every test starts with: properties are tried on the same examples each time where CI decides."""

import os
import signal
from functools import cache

import httpcore2
from hypothesis import HealthCheck, settings

settings.register_profile("anywhere", deadline=None)  # no absolute time is asserted: a machine may be busy
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile(
    "torture", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
if os.environ.get("TORTURE_MINUTES"):
    settings.load_profile("torture")  # other examples each time: it is they that take the minutes
elif os.environ.get("CI"):
    settings.load_profile("ci")
else:
    settings.load_profile("anywhere")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script; what tests start must hear it
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Each client reads the certificates of all authorities, 50 ms, and most tests make two: here one reading does for all.
httpcore2.default_ssl_context = cache(httpcore2.default_ssl_context)
