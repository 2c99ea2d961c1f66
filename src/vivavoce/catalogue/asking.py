"""Asking servers for what they have: patiently, within limits of time, keys going only where they belong."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

import httpx2

import vivavoce
from vivavoce.catalogue.files import CHUNK, FetchFailed

T = TypeVar("T")
Wait: TypeAlias = Callable[[float], None]
"""Waits so many seconds."""

ATTEMPTS = 5
"""Times in a row that nothing much comes before it is given up."""
LONGEST_WAIT_S = 60.0
TIMES = httpx2.Timeout(30.0, connect=10.0)
"""Seconds for a connection, and for each read: a server that sends nothing for so long has hung."""


class Again(Exception):
    """It went wrong in a way that may not come again; the message says which."""

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s
        """As the server asked."""


def client() -> httpx2.Client:
    """What speaks HTTP here: follows redirections, takes the proxies of the environment, and waits within limits."""
    headers = {"user-agent": f"vivavoce/{vivavoce.__version__}", "accept-encoding": "identity"}
    return httpx2.Client(follow_redirects=True, max_redirects=10, timeout=TIMES, headers=headers)


def patiently(work: Callable[[], T], called: str, wait: Wait = time.sleep, came: Callable[[], int] = int) -> T:
    """Do what may fail for a while, a bounded number of times; `came` tells how far it has got.

    Raises:
        FetchFailed: it failed too often.
    """
    failures = 0
    while True:
        before = came()
        try:
            return work()
        except Again as again:
            failures = 0 if came() - before >= CHUNK else failures + 1
            if failures >= ATTEMPTS:
                raise FetchFailed(f"{called}: {again}, {failures} times; try again later.") from None
            wait(min(again.wait_s or 2.0 ** (failures - 1), LONGEST_WAIT_S))


@contextmanager
def asking(http: httpx2.Client, url: str, headers: dict[str, str], token: str) -> Generator[httpx2.Response]:
    """Ask for an address, and read the answer as it comes.

    Raises:
        Again: the server cannot be reached, is silent, full or broken.
        FetchFailed: it is no address, or the way to it is not safe.
    """
    # a redirection to another host is followed without it: so says httpx2, and a test
    own = {"authorization": f"Bearer {token}"} if token else {}
    try:
        with http.stream("GET", url, headers=headers | own) as response:
            if url.startswith("https:") and response.url.scheme != "https":
                raise FetchFailed(
                    f"{host_of(url)} leads to an address that is not https; nothing is fetched from there."
                )
            if response.status_code in {408, 429} or response.status_code >= 500:
                raise Again(f"{host_of(url)} answered {response.status_code}", _asked_wait(response))
            yield response
    except httpx2.TimeoutException:
        raise Again(f"{host_of(url)} was silent for too long") from None
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL):
        raise FetchFailed("That is no address to fetch from.") from None
    except httpx2.TooManyRedirects:
        raise FetchFailed(f"{host_of(url)} only leads from one address to the next.") from None
    except httpx2.ConnectError:
        raise Again(f"{host_of(url)} cannot be reached") from None
    except httpx2.TransportError:
        raise Again(f"{host_of(url)} broke off") from None


def refused(response: httpx2.Response, url: str, called: str) -> FetchFailed:
    """What a status that is no success means to the person who asked."""
    status = response.status_code
    if response.headers.get("x-error-code") == "GatedRepo":
        return FetchFailed(f"{called} is gated: accept its terms on its page of the hub, then set $HF_TOKEN.")
    if status in {404, 410}:
        return FetchFailed(f"{host_of(url)} has no {called}.")
    if status in {401, 403}:
        return FetchFailed(f"{host_of(url)} does not give {called} to everyone ({status}).")
    return FetchFailed(f"{host_of(url)} answered {status} when asked for {called}.")


def host_of(url: str) -> str:
    """The host of an address, without what is secret in it."""
    return httpx2.URL(url).host


def _asked_wait(response: httpx2.Response) -> float | None:
    asked = response.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() else None
