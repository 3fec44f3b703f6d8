"""Which format and which compression a client gets for what it says it accepts."""

from __future__ import annotations

import pytest

from exporter.web.negotiation import OPENMETRICS_0, OPENMETRICS_1, TEXT, Format, choose_format, gzip_accepted

PROMETHEUS_2_42 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.2"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param(None, TEXT, id="no header"),
        pytest.param("", TEXT, id="empty"),
        pytest.param("*/*", TEXT, id="anything"),
        pytest.param(PROMETHEUS_2_42, OPENMETRICS_1, id="Prometheus 2.42"),
        pytest.param(PROMETHEUS_3, OPENMETRICS_1, id="Prometheus 3"),
        pytest.param(PROMETHEUS_3_PROTOBUF, TEXT, id="protobuf is not offered, text 1.0.0 is answered with 0.0.4"),
        pytest.param(FIREFOX, TEXT, id="browser"),
        pytest.param("application/openmetrics-text", OPENMETRICS_1, id="OpenMetrics of any version"),
        pytest.param("application/openmetrics-text; version=0.0.1", OPENMETRICS_0, id="old OpenMetrics"),
        pytest.param("application/openmetrics-text;version=0.0.1,application/openmetrics-text;version=1.0.0;q=0.9", OPENMETRICS_0, id="weight decides"),
        pytest.param("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", TEXT, id="version that does not exist here"),
        pytest.param("text/plain;version=1.0.0;escaping=underscores", TEXT, id="text 1.0.0"),
        pytest.param("text/plain;q=0, */*", OPENMETRICS_1, id="the closer range excludes text"),
        pytest.param("text/*;q=0.2, application/*;q=0.3", OPENMETRICS_1, id="ranges of subtypes"),
        pytest.param("*/*, application/openmetrics-text;version=1.0.0", OPENMETRICS_1, id="the named one wins a tie"),
        pytest.param('APPLICATION/OpenMetrics-Text; Version="1.0.0"; charset=utf-8', OPENMETRICS_1, id="case and quotes"),
        pytest.param("image/png", TEXT, id="nothing acceptable"),
        pytest.param("*/*;q=0", TEXT, id="nothing at all acceptable"),
        pytest.param("application/openmetrics-text;q=high, text/plain;q=0.1", TEXT, id="a weight that is none"),
        pytest.param('";,;=,"\\', TEXT, id="nonsense"),
    ],
)
def test_format(accept: str | None, expected: Format) -> None:
    assert choose_format(accept) is expected


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZip", True),
        ("x-gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("deflate;q=1, gzip;q=0.2", True),
        ("deflate", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip; q=.5", True),
        ("identity", False),
        ("identity;q=1, gzip;q=0.5", False),
        ("identity;q=0.5, gzip", True),
        ("identity;q=0, gzip", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
    ],
)
def test_gzip(accept_encoding: str | None, expected: bool) -> None:
    assert gzip_accepted(accept_encoding) is expected


def test_content_types_are_those_that_prometheus_documents() -> None:
    assert [format.content_type for format in (TEXT, OPENMETRICS_1, OPENMETRICS_0)] == [
        "text/plain; version=0.0.4; charset=utf-8",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "application/openmetrics-text; version=0.0.1; charset=utf-8",
    ]
