"""The metrics of a running exchange, read by Prometheus's own parser, and the trace of one order."""

import json
import re
import urllib.error
import urllib.request
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from commands.trace import STAGES
from tests.system.exchange_fixture import ROOT, Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
ENVIRON = {"OPENBOURSE_MARKET_RATE": "0"}
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
ON_THE_PATH = ("received", "queued", "journaled", "matched", "told", "answered")
ORDERS = 60
EVERYONE = {"matcher", "snapshotter", "writer", "ingress", "broadcaster", "postgres", "office"}


def scrape(venue: Exchange, path: str = "/metrics") -> dict[tuple[str, frozenset[Any]], float]:
    with urllib.request.urlopen(venue.status()["office"] + path, timeout=30) as answer:
        text = answer.read().decode()
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def total(found: dict[tuple[str, frozenset[Any]], float], name: str, **labels: str) -> float:
    wanted = labels.items()
    return sum(
        value for (one, has), value in found.items() if one == name and wanted <= dict(has).items()
    )


def place(venue: Exchange, count: int) -> list[int]:
    client, keys = venue.client(), venue.demo_keys("alice")
    return [
        client.signed("POST", "/api/v3/order", keys, **ORDER, quantity="0.001", price="20000")[
            "orderId"
        ]
        for _ in range(count)
    ]


def test_the_stages_of_the_path_add_up_to_the_whole_within_5_percent(venue):
    place(venue, 3)
    before = scrape(venue)
    place(venue, ORDERS)
    after = scrape(venue)

    def grown(name: str, **labels: str) -> float:
        return total(after, name, **labels) - total(before, name, **labels)

    assert grown("openbourse_order_seconds_count") == ORDERS
    whole = grown("openbourse_order_seconds_sum")
    parts = {name: grown("openbourse_stage_seconds_sum", stage=name) for name in ON_THE_PATH}
    counts = {name: grown("openbourse_stage_seconds_count", stage=name) for name in ON_THE_PATH}
    assert counts == dict.fromkeys(ON_THE_PATH, ORDERS)
    assert all(part > 0 for part in parts.values()), parts
    assert sum(parts.values()) == pytest.approx(whole, rel=0.05), parts


def test_what_was_ordered_is_counted_as_persisted_and_broadcast(venue):
    before = scrape(venue)
    place(venue, 5)

    def counted() -> bool:
        now = scrape(venue)
        names = ("openbourse_persisted_seconds_count", "openbourse_broadcast_seconds_count")
        return all(total(now, name) - total(before, name) >= 5 for name in names)

    venue.until(counted, "five commands persisted and broadcast")
    venue.until(lambda: total(scrape(venue), "openbourse_watermark_lag_events") == 0, "no lag")


def test_every_process_is_in_the_metrics_and_has_a_page_of_its_own(venue):
    found = scrape(venue)
    assert total(found, "openbourse_up") == 1
    for process in EVERYONE:
        assert total(found, "openbourse_process_resident_bytes", process=process) > 1 << 20
        assert total(found, "openbourse_process_open_fds", process=process) > 3
        named = {
            dict(has).get("process", process) for _, has in scrape(venue, f"/metrics/{process}")
        }
        assert all(one == process or one.startswith(f"{process}-") for one in named)
    requests = total(found, "openbourse_requests_total", status="200")
    assert requests > 0


def test_the_dashboard_shows_only_metrics_that_there_are(venue):
    board = json.loads((ROOT / "conf" / "deploy" / "grafana.json").read_text())
    told = {name for name, _ in scrape(venue)}
    shown = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    used = {name for expr in shown for name in re.findall(r"openbourse_\w+", expr)}
    assert len(used) > 15
    assert used - told == set()


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/metrics", 405)])
def test_what_the_office_does_not_serve_is_one_line_of_json(venue, path, status):
    request = urllib.request.Request(venue.status()["office"] + path, method="POST")
    if status == 404:
        request.method = "GET"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == status
    assert path in json.loads(refused.value.read())["error"]


def test_trace_tells_each_stage_of_an_orders_life_in_order(venue):
    [order] = place(venue, 1)
    keys = venue.demo_keys("alice")
    venue.client().signed("DELETE", "/api/v3/order", keys, symbol="BTCUSDT", orderId=order)
    venue.until(venue.is_written, "the order in the database")
    found: dict[str, Any] = {}

    def complete() -> bool:
        found.update(venue.asked("trace", str(order)))
        return all("broadcast" in step["stages"] for step in found["steps"])

    venue.until(complete, "all stages", 120)
    entered, canceled = found["steps"]
    assert [step["command"] for step in found["steps"]] == ["ENTER", "CANCEL"]
    assert [event["kind"] for event in canceled["events"]][-1] == "CANCELED"
    assert entered["events"][0]["kind"] == "ACCEPTED"
    for step in found["steps"]:
        assert set(step["stages"]) == set(STAGES)
        times = [step["stages"][stage] for stage in STAGES[:5]]
        assert times == sorted(times)
        assert step["stages"]["persisted"] > step["stages"]["matched"]
    text = venue.command("trace", str(order)).stdout
    assert re.search(r"journaled +20\S+Z +\+\d+ µs", text)


def test_trace_of_an_order_that_never_was_says_so(venue):
    done = venue.command("trace", "987654321")
    assert (done.returncode, "no order 987654321 in the journal" in done.stderr) == (1, True)
