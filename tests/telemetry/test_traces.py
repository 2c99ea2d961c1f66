"""Without an endpoint, or without the library, there are no spans; with both, see `tests/extras/otel`."""

import logging
import sys

import pytest

from vivavoce.telemetry.traces import ENDPOINTS, tracing


async def test_nobody_is_named_and_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENDPOINTS:
        monkeypatch.setenv(name, "")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    async with tracing() as traces:
        assert traces is None


async def test_an_extra_that_is_missing_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(ENDPOINTS[0], "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with caplog.at_level(logging.WARNING):
        async with tracing() as traces:
            assert traces is None
    assert [each.message for each in caplog.records] == ["no traces are sent: pip install 'vivavoce[otel]'"]
