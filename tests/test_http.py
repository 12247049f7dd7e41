import asyncio
import hashlib
import json
import os
import pickle
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from classifier import Policy
from classifier.adapters.http import pool as processes
from classifier.adapters.http import service
from classifier.adapters.http.answers import Work, answer
from classifier.setup import Setup

NEWS = (
    "Ships waited for a berth on Monday, the port authority said, because ice had closed two of the three basins. "
    "Tugs will keep the last one open until the wind turns. The harbour master expects normal traffic by Friday."
)
PAGE = f"{NEWS}\n\nSubscribe to our newsletter today and never miss a story!\n\n版权所有，未经授权不得转载。"
CHINESE = "港务局周一表示，由于两个港池被冰封住，多艘货船在锚地等候泊位。\n\n扫码关注我们的公众号，第一时间获取港口快讯！"
TEXT, JSON, LINES = ({"content-type": kind} for kind in ("text/plain", "application/json", "application/x-ndjson"))
PAGE_OF_DOCS = Path(service.__file__).parent.with_suffix(".md")


@contextmanager
def served(**options):
    """The address of a service in a process of its own, when it is ready, and the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "import pickle; from classifier.adapters.http.service import serve; "
    code += f"serve(port={port}, **pickle.loads({pickle.dumps(options)!r}))"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    try:
        base = f"http://127.0.0.1:{port}"
        wait_for(lambda: is_ready(base) or process.poll() is not None)
        assert process.poll() is None, process.stderr.read()
        yield base, process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited a minute in vain")


def is_ready(base):
    try:
        return httpx.get(f"{base}/health").status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def base():
    with served(max_body=1_000_000, workers=1) as (address, _):
        yield address


@pytest.fixture(scope="module")
def small():
    """A service with room for one request, and two seconds for each."""
    with served(concurrency=1, timeout=2.0, workers=1) as (address, _):
        yield address


def connected(base):
    host, port = base.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def head(*fields):
    return "\r\n".join(["POST /label HTTP/1.1", "Host: x", "Content-Type: text/plain", *fields, "", ""]).encode()


def everything(sock):
    return b"".join(iter(lambda: sock.recv(65536), b""))


def lines(response):
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.content.decode().splitlines()]


@pytest.mark.parametrize("text", [PAGE, CHINESE, ""])
def test_labels_are_those_of_the_library(base, clf, text):
    response = httpx.post(f"{base}/label", content=text, headers=TEXT)
    assert response.status_code == 200
    assert response.json() == {"id": "body", **clf.label(text).as_dict()}


def test_clean_text_is_that_of_the_library(base, clf):
    response = httpx.post(f"{base}/clean", json={"text": PAGE, "id": 7})
    assert response.json() == {"id": 7, "text": clf.label(PAGE).clean_text}
    assert response.json()["text"] != PAGE


def test_a_policy_and_labels_to_keep_are_taken_from_the_query(base, clf):
    response = httpx.post(f"{base}/clean?policy=thorough&keep=legal&keep=promo", content=PAGE, headers=TEXT)
    policy = Policy.thorough(keep={"legal", "promo"})
    assert response.json()["text"] == clf.label(PAGE).with_policy(policy).clean_text == PAGE


def test_a_service_has_a_policy_of_its_own_for_requests_that_name_none():
    with served(policy=Policy.careful(keep={"legal", "promo", "navigation"}), workers=1) as (address, _):
        assert httpx.post(f"{address}/clean", json={"text": PAGE}).json()["text"] == PAGE


def test_rules_and_profiles_decide_by_the_site_of_a_document_or_else_of_the_request(tide):
    classifier = Setup(**tide.files).load()

    def deciders(body, kind="jsonl", site=None):
        done = answer(classifier, Work("label", kind, Policy(), body.encode(), site))
        return [json.loads(line)["spans"][-1]["decided_by"] for line in done.body.decode().splitlines()]

    for name in ("site", "url"):
        body = "\n".join(json.dumps({"text": text, name: site}) for text, site in tide.documents)
        assert deciders(body) == tide.decided
    assert deciders(body.replace("tide", "bay"), site="tide.example") == ["model", "model", "site"]
    assert deciders(tide.documents[0][0], "text", "www.tide.example") == ["rule"]


def test_json_lines_come_back_in_order_with_an_error_in_the_place_of_a_broken_line(base, clf):
    body = b"\n".join(
        [
            json.dumps({"id": "a", "text": PAGE}).encode(),
            b"{",
            b"",
            b"\xff",
            b"[1]",
            b'{"text": 5}',
            b'{"id": NaN, "text": "x"}',
            json.dumps({"text": CHINESE}).encode(),
        ]
    )
    rows = lines(httpx.post(f"{base}/clean", content=body, headers=LINES))
    assert rows[0] == {"id": "a", "text": clf.label(PAGE).clean_text}
    assert [row["line"] for row in rows[1:-1]] == [2, 4, 5, 6, 7]
    assert [row["error"].partition(":")[0] for row in rows[1:4]] == ["not JSON", "not UTF-8", "not JSON"]
    assert rows[-1] == {"id": "body:8", "text": clf.label(CHINESE).clean_text}


def test_many_json_lines_keep_their_order(base):
    body = "".join(json.dumps({"id": i, "text": f"{i}. {NEWS}"}) + "\n" for i in range(300))
    rows = lines(httpx.post(f"{base}/label", content=body, headers=LINES, timeout=60))
    assert [row["id"] for row in rows] == list(range(300))


def test_a_body_without_lines_has_no_records(base):
    assert lines(httpx.post(f"{base}/label", content=b"", headers=LINES)) == []


def test_a_lone_surrogate_comes_back_as_an_escape(base):
    response = httpx.post(f"{base}/clean?keep=navigation&keep=promo&keep=legal", content=rb'{"text": "\ud800"}', headers=JSON)
    assert response.content == b'{"id": "body:1", "text": "\\ud800"}\n'


@pytest.mark.parametrize(
    ("query", "headers", "body", "status", "said"),
    [
        ("", JSON, b"{", 400, "not JSON"),
        ("", JSON, b'{"text": "\xff"}', 400, "not UTF-8: byte 11"),
        ("", TEXT, b"good \xff bad", 400, "not UTF-8: byte 6"),
        ("", JSON, b'{"body": 1}', 422, "no field 'text'; it has 'body'"),
        ("", JSON, b'{"text": 1}', 422, "is a int, not a string"),
        ("", JSON, b'{"text": "", "id": []}', 422, "field 'id' must be"),
        ("", JSON, b'{"text": "", "id": true}', 422, "field 'id' must be"),
        ("", JSON, b'{"text": "", "site": 7}', 422, "field 'site' must be"),
        ("?policy=wild", TEXT, b"x", 422, "'careful', 'balanced' or 'thorough'"),
        ("?keep=spam", TEXT, b"x", 422, "use one of content, promo"),
        ("?keep=no%20name", TEXT, b"x", 422, "use one of content, promo"),
        ("?polcy=careful", TEXT, b"x", 422, "not permitted"),
        ("", {}, b"x", 415, "content type ''"),
        ("", {"content-type": "text/html"}, b"x", 415, "text/plain, application/json"),
        ("", {"content-type": "text/plain; charset=gbk"}, b"x", 415, "send UTF-8"),
        ("", {**TEXT, "content-encoding": "gzip"}, b"x", 415, "unpacked"),
        ("", TEXT, b"x" * 1_000_001, 413, "larger than 1,000,000 bytes"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(base, query, headers, body, status, said):
    response = httpx.post(f"{base}/label{query}", content=body, headers=headers)
    assert response.status_code == status
    assert said in str(response.json()["detail"])


def test_the_charset_may_be_named(base):
    assert httpx.post(f"{base}/label", content="港口", headers={"content-type": 'text/plain; charset="UTF-8"'}).is_success


def test_a_body_of_the_largest_size_is_read(base):
    assert httpx.post(f"{base}/clean", content=b"x" * 1_000_000, headers=TEXT, timeout=60).status_code == 200


def test_other_paths_and_methods_are_not_there(base):
    assert httpx.get(f"{base}/docs").status_code == 404
    assert httpx.get(f"{base}/label").status_code == 405


def test_a_chunked_body_without_length_is_refused_once_it_is_too_large(base):
    with connected(base) as sock:
        sock.sendall(head("Transfer-Encoding: chunked"))
        for _ in range(11):  # a hundred thousand bytes each, and the body never ends
            sock.sendall(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_declared_size_is_refused_before_the_body_is_sent(base):
    with connected(base) as sock:
        sock.sendall(head("Content-Length: 99000000000", "Expect: 100-continue"))
        assert sock.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_does_not_arrive_in_time_is_refused_and_the_connection_closed(small):
    with connected(small) as sock:
        sock.sendall(head("Content-Length: 1000") + b"a few bytes")
        answer = everything(sock)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"within 2 seconds" in answer


def test_more_requests_than_there_is_room_for_are_sent_away_for_a_second(small):
    with connected(small) as sock:
        sock.sendall(head("Content-Length: 1000"))
        wait_for(lambda: "classifier_in_flight 1" in httpx.get(f"{small}/metrics").text)
        response = httpx.post(f"{small}/label", content=PAGE, headers=TEXT)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        everything(sock)
    assert httpx.post(f"{small}/label", content=PAGE, headers=TEXT).status_code == 200


def test_a_document_that_takes_too_long_is_given_up_and_the_service_goes_on():
    with served(timeout=0.5, workers=1) as (address, _):
        response = httpx.post(f"{address}/label", content=(PAGE + "\n") * 20_000, headers=TEXT, timeout=60)
        assert response.status_code == 504
        wait_for(lambda: httpx.post(f"{address}/label", content=PAGE, headers=TEXT).status_code == 200)


def labelling(process):
    def labels(child):
        try:
            return "spawn_main" in " ".join(child.cmdline())
        except psutil.Error:  # it has just ended
            return False

    return list(filter(labels, psutil.Process(process.pid).children()))


def kill_one(process, other_than=()):
    wait_for(lambda: set(labelling(process)) - set(other_than))
    (child,) = set(labelling(process)) - set(other_than)
    child.kill()
    return child


def test_a_process_that_dies_is_replaced_and_its_work_done_again():
    with served(workers=1) as (address, process):
        kill_one(process)
        assert httpx.post(f"{address}/label", content=PAGE, headers=TEXT, timeout=60).status_code == 200


def test_a_body_that_two_processes_die_of_is_given_up_and_the_service_goes_on():
    with served(workers=1) as (address, process), ThreadPoolExecutor(1) as threads:
        long = threads.submit(
            httpx.post, f"{address}/label", content=(PAGE + "\n") * (7_000_000 // len(PAGE.encode())), headers=TEXT, timeout=60
        )
        wait_for(lambda: "classifier_in_flight 1" in httpx.get(f"{address}/metrics").text)
        kill_one(process, [kill_one(process)])
        assert long.result().status_code == 500
        assert "died of it twice" in long.result().json()["detail"]
        assert httpx.post(f"{address}/label", content=PAGE, headers=TEXT, timeout=60).status_code == 200


def test_a_client_that_goes_gives_its_place_back(small):
    with connected(small) as sock:
        sock.sendall(head("Content-Length: 1000"))
        wait_for(lambda: "classifier_in_flight 1" in httpx.get(f"{small}/metrics").text)
    wait_for(lambda: "classifier_in_flight 0" in httpx.get(f"{small}/metrics").text)


def test_a_client_that_goes_before_its_turn_is_not_worked_for():
    with served(workers=1) as (address, _), ThreadPoolExecutor(1) as threads:

        def counted():
            return httpx.get(f"{address}/metrics").text

        long = threads.submit(httpx.post, f"{address}/label", content=(PAGE + "\n") * 20_000, headers=TEXT, timeout=60)
        wait_for(lambda: "classifier_in_flight 1" in counted())
        with connected(address) as sock:
            sock.sendall(head("Content-Length: 5") + b"Ships")
            wait_for(lambda: "classifier_in_flight 2" in counted())
        wait_for(lambda: 'status="499"' in counted())
        assert long.result().status_code == 200
        assert httpx.post(f"{address}/label", content="", headers=TEXT, timeout=60).status_code == 200
        assert "classifier_documents_total 2" in counted()


def test_the_command_serves_with_the_policy_and_the_rules_that_it_is_given(tide):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "classifier", "serve", "--port", str(port), "--workers", "1"]
    keep = [part for label in ("promo", "legal", "navigation") for part in ("--keep", label)]
    rules = [part for name, file in tide.files.items() for part in (f"--{name}", file)]
    with subprocess.Popen([*command, *keep, *rules], stderr=subprocess.DEVNULL) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(lambda: is_ready(address))
            assert httpx.post(f"{address}/clean", content=PAGE, headers=TEXT, timeout=60).json()["text"] == PAGE
            text, site = tide.documents[0]
            for query, body in ((f"?site={site}", {"text": text}), ("", {"text": text, "site": site})):
                labels = httpx.post(f"{address}/label{query}", json=body).json()
                assert labels["spans"][-1]["decided_by"] == "rule"
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_its_processes_end_with_it():
    with served(workers=2) as (_, process):
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


def test_a_refused_model_stops_it_before_it_listens(tmp_path):
    code = f"from classifier.adapters.http.service import serve; serve(port=0, model={str(tmp_path)!r})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 1
    assert "ModelNotFound" in ran.stderr


def test_health_says_how_many_processes_are_ready(base):
    assert httpx.get(f"{base}/health").json() == {"status": "ready", "processes": 1}


def test_health_is_not_ready_without_a_model():
    api = service.app()
    api.state.pool = processes.Pool(Setup(), 1.0, None)

    async def health():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://x") as client:
            return await client.get("/health")

    assert asyncio.run(health()).status_code == 503


def test_metrics_count_requests_documents_and_characters(base):
    def values():
        found = re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", httpx.get(f"{base}/metrics").text, re.M)
        return {name: float(value) for name, value in found}

    before = values()
    body = json.dumps({"text": "abc"}) + "\n{\n" + json.dumps({"text": "港口"})
    httpx.post(f"{base}/label", content=body, headers=LINES)
    httpx.post(f"{base}/label", content=b"{", headers=JSON)
    after = values()
    moved = {name: after[name] - before.get(name, 0) for name in after}
    assert moved["classifier_documents_total"] == 2
    assert moved["classifier_characters_total"] == 5
    assert moved['classifier_requests_total{path="/label",status="200"}'] == 1
    assert moved['classifier_requests_total{path="/label",status="400"}'] == 1
    assert moved['classifier_request_seconds_total{path="/label"}'] > 0
    assert after["classifier_in_flight"] == 0


def test_a_missing_library_is_named_with_the_extra():
    code = "import sys; sys.modules['fastapi'] = None; import classifier.adapters.http.service"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'boilerplate-classifier[serve]'" in ran.stderr


def test_the_processes_that_label_do_not_load_fastapi():
    code = "import sys, classifier.adapters.http.pool; print('fastapi' in sys.modules or 'pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_the_example_of_the_page_prints_what_the_page_shows(capsys):
    ((code, shown),) = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE_OF_DOCS.read_text("utf-8"), re.S)
    with served(workers=1) as (address, _):
        exec(code.replace("http://127.0.0.1:8000", address), {})
    assert capsys.readouterr().out == shown


def test_the_curl_examples_of_the_page_are_answered(tmp_path, base):
    (tmp_path / "page.txt").write_text(PAGE, "utf-8")
    (tmp_path / "crawl.jsonl").write_text(json.dumps({"text": PAGE}) + "\n", "utf-8")
    commands = re.findall(r"^curl .*$", PAGE_OF_DOCS.read_text("utf-8"), re.M)
    for command in commands:
        command = command.replace("http://127.0.0.1:8000", base)
        ran = subprocess.run(f"{command} -sf", shell=True, capture_output=True, cwd=tmp_path)
        assert ran.returncode == 0, command
    assert len(commands) >= 2


@schemathesis.serializer("application/x-ndjson")
def as_lines(context, value):  # noqa: ARG001 - the hook's own arguments
    return str(value).encode("utf-8", "replace")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        *(("POST", path, mode) for path in ("/label", "/clean") for mode in GenerationMode),
        *(("GET", path, GenerationMode.POSITIVE) for path in ("/health", "/metrics")),
    ],
)
def test_the_service_is_what_its_description_says(base, method, path, mode):
    operation = schemathesis.openapi.from_url(f"{base}/openapi.json")[path][method]

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def conforms(case):
        # What stands for a wrong text is text again once it is sent; a wrong object is not an object.
        text = case.media_type in ("text/plain", "application/x-ndjson")
        # A description does not know the kinds of the model: a name that could be one is refused where none has it.
        kinds = [positive_data_acceptance] if (case.query or {}).get("keep") else []
        excluded = [*kinds, *([negative_data_rejection] if text else [])]
        case.call_and_validate(timeout=60, excluded_checks=excluded)

    conforms()


def document(dice, size):
    """Text of about so many bytes, mixed from both languages."""
    parts = [NEWS, CHINESE, PAGE, "Read more: https://example.org", "2026-03-18 07:42", "首页 | 登录"]
    text = ""
    while len(text) < size:
        text += f"{dice.random()} {dice.choice(parts)}\n" * dice.randint(1, 9)
    return text.encode()[:size].decode("utf-8", "ignore").encode()


async def load(base, clients, seconds, memory):
    """Clients that send documents of 2 kB to 1 MB, each its next when the last was answered; sizes even by logarithm."""
    dice = random.Random(7)
    documents = [document(dice, round(2_000 * 500 ** (i / 99))) for i in range(100)]
    seen, times, statuses, rss = {}, [], Counter(), [memory()]
    start = time.monotonic()

    async def client(http_client, number):
        order = random.Random(number)
        while time.monotonic() - start < seconds:
            which = order.randrange(len(documents))
            began = time.monotonic()
            response = await http_client.post(f"{base}/label", content=documents[which], headers=TEXT)
            statuses[response.status_code] += 1
            if response.status_code == 503:
                await asyncio.sleep(int(response.headers["retry-after"]))
            elif response.status_code == 200:
                times.append(time.monotonic() - began)
                digest = hashlib.sha256(response.content).digest()
                assert seen.setdefault(which, digest) == digest

    async def sample():
        while time.monotonic() - start < seconds:
            await asyncio.sleep(min(seconds / 10, 10))
            rss.append(memory())

    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(limits=limits, timeout=180) as http_client:
        await asyncio.gather(sample(), *(client(http_client, number) for number in range(clients)))
    rss.append(memory())
    return statuses, sorted(times), rss


@pytest.mark.slow
def test_two_hundred_clients_get_every_answer_and_memory_stays(capsys):
    seconds = float(os.environ.get("LOAD_SECONDS", "300"))
    with served() as (base, process):
        tree = psutil.Process(process.pid)

        def memory():
            return sum(each.memory_info().rss for each in (tree, *tree.children(recursive=True))) / 2**20

        statuses, times, rss = asyncio.run(load(base, 200, seconds, memory))
        counted = httpx.get(f"{base}/metrics").text

    def at(share):
        return times[int(share * (len(times) - 1))]

    with capsys.disabled():
        print(f"\n{dict(statuses)} in {seconds:g} s; p50 {at(0.5):.1f} s, p99 {at(0.99):.1f} s")
        print("RSS in MiB, every ten seconds:", *map(round, rss))
        print(re.search(r"^classifier_characters_total .*", counted, re.M)[0])
    assert set(statuses) == {200}
    assert max(rss[len(rss) // 2 :]) < 1.5 * max(rss[: len(rss) // 2])
