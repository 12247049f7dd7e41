import http.client
import json
import threading
import time

import pytest

from classifier.review import journal, page, server
from classifier.review.desk import Desk
from classifier.review.journal import Document, Item
from classifier.schema import Kind, Label

TEXT = "Ships wait for a berth.\nSubscribe <img src=x onerror=alert(1)> today!\n版权所有。" + "\nAnd so on." * 1_000


@pytest.fixture
def kept(tmp_path):
    with journal.opened(tmp_path / "mine.jsonl") as begun:
        number = begun.add_document(Document("a", "a.example", TEXT))
        places = {"wait": (number, 0, 23), "subscribe": (number, 24, 68), "rights": (number, 69, 74)}
        begun.add_items(
            Item(key, (place,), (place,) if key == "rights" else (), "content", 0.6, "en", ()) for key, place in places.items()
        )
        yield begun


@pytest.fixture
def desk(kept, tmp_path):
    return Desk(kept, tmp_path / "mine.jsonl")


@pytest.fixture
def served(desk):
    listening, address = server.made(desk)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield address
    listening.shutdown()
    thread.join()
    listening.server_close()


class Reply:
    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()
        self.json = json.loads(self.body) if answer.headers["Content-Type"] == "application/json" else None


def ask(address, name="", method="GET", body=None, path=None, **headers):
    host, _, token = address.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=5)
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    if raw is not None:
        headers = {"Content-Type": "application/json", **headers}
    connection.request(method, f"/{token}{name}" if path is None else path, raw, headers)
    reply = Reply(connection.getresponse())
    connection.close()
    return reply


def post(address, name, body, **headers):
    return ask(address, name, "POST", body, **headers)


def test_an_answer_by_http_is_kept_and_undone(served, kept):
    assert post(served, "answer", {"key": "subscribe", "label": "promo"}).json["answer"] == "promo"
    assert kept.answers == {"subscribe": "promo"}
    assert post(served, "undo", {}).json["index"] == 1
    assert kept.answers == {}
    assert post(served, "undo", {}).json == {"index": None}


def test_the_state_says_where_to_go_on(served):
    post(served, "answer", {"key": "wait", "label": "content"})
    state = ask(served, "state").json
    assert (state["answers"], state["next"]) == (["content", None, None], 1)


def test_kinds_have_the_digits_behind_the_four_and_are_answers(served, kept):
    kept.declare([Kind("recipe", Label("content"))])
    labels = ask(served, "state").json["labels"]
    assert [(label["name"], label["of"], label["digit"], label.get("letter")) for label in labels[3:]] == [
        ("navigation", "navigation", "4", "n"),
        ("recipe", "content", "5", None),
    ]
    assert post(served, "answer", {"key": "wait", "label": "recipe"}).json["answer"] == "recipe"
    refused = post(served, "answer", {"key": "wait", "label": "affiliate"})
    assert (refused.status, kept.answers) == (400, {"wait": "recipe"})


def test_an_item_comes_with_the_text_about_it_and_no_more_than_a_screen_or_two(served):
    item = ask(served, "item/1").json
    assert item["before"].endswith("berth.\n")
    assert item["text"] == "Subscribe <img src=x onerror=alert(1)> today!"[: len(item["text"])]
    assert item["after"].startswith(TEXT[68:100])
    assert len(item["after"]) < 2_000 < len(TEXT)


def test_the_guess_on_a_text_that_was_drawn_is_told_when_it_is_answered(served):
    assert ask(served, "item/2").json["guess"] is None
    post(served, "answer", {"key": "rights", "label": "skip"})
    assert ask(served, "item/2").json["guess"] is None
    assert post(served, "answer", {"key": "rights", "label": "legal"}).json["guess"] == "content"
    assert ask(served, "item/2").json["guess"] == "content"


def test_the_output_follows_the_answers_and_done_writes_it_and_ends(desk, kept, tmp_path):
    listening, address = server.made(desk)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    assert post(address, "answer", {"key": "wait", "label": "content"}).status == 200
    assert json.loads((tmp_path / "mine.jsonl").read_text("utf-8"))["units"] == [[0, 23, "content"]]
    kept.answer("rights", "legal")
    assert post(address, "done", {}).json["answered"] == 2
    thread.join(5)
    assert not thread.is_alive()
    listening.server_close()
    assert json.loads((tmp_path / "mine.jsonl").read_text("utf-8"))["units"] == [[0, 23, "content"], [69, 74, "legal"]]


def test_the_output_is_written_less_often_when_that_takes_long(desk, monkeypatch):
    written = []

    def slowly(_journal, _output):
        written.append(1)
        time.sleep(0.02)

    monkeypatch.setattr("classifier.review.units.write", slowly)
    for _ in range(5):
        desk.answer("wait", "content")
    assert len(written) == 1


@pytest.mark.parametrize("path", ["/", "/x/", "/x/state", "", "/../etc/passwd", "//state", "/%2e%2e/"])
def test_who_does_not_know_the_token_gets_nothing(served, path):
    reply = ask(served, path=path or "/" + "A" * 32)
    assert reply.status == 404
    assert b"<html" not in reply.body


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "item/../state",
        "item/99",
        "item/-1",
        "item/１",
        "item/" + "9" * 40,
        "page.html",
    ],
)
def test_nothing_but_the_page_and_its_calls_is_served(served, name):
    from urllib.parse import quote

    reply = ask(served, quote(name, safe="/%."))
    assert reply.status in (400, 404)
    assert b"root:" not in reply.body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", ""]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_host_is_refused(served, host, method):
    port = served.split(":")[2].split("/")[0]
    reply = ask(
        served, "undo" if method == "POST" else "state", method, {} if method == "POST" else None, Host=host.format(port=port)
    )
    assert reply.status == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"])
def test_another_origin_is_refused_and_changes_nothing(served, kept, origin):
    assert post(served, "answer", {"key": "wait", "label": "promo"}, Origin=origin).status == 403
    assert kept.answers == {}


def test_our_own_origin_is_not(served, kept):
    origin = served[: served.index("/", 8)]
    assert post(served, "answer", {"key": "wait", "label": "promo"}, Origin=origin).status == 200
    assert kept.answers == {"wait": "promo"}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_that_the_browser_says_is_from_elsewhere_is_refused(served, site):
    assert ask(served, "state", **{"Sec-Fetch-Site": site}).status == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_refused(served, kept, kind):
    assert post(served, "answer", {"key": "wait", "label": "promo"}, **{"Content-Type": kind}).status == 415
    assert kept.answers == {}


def test_a_large_body_is_refused_unread(served):
    assert post(served, "answer", b"[" * (server.MOST_BODY + 1)).status == 413
    assert ask(served, "undo", "POST", None, **{"Content-Type": "application/json", "Content-Length": "9" * 30}).status == 413


def test_a_body_without_a_length_is_refused(served):
    assert ask(served, "undo", "POST", None, **{"Content-Type": "application/json", "Content-Length": "-1"}).status == 411


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"1", b"\xff", b"[" * 9_000, b'{"key": "nobody", "label": "promo"}', b'{"key": "wait"}']
)
def test_a_body_that_says_nothing_is_refused(served, kept, body):
    assert post(served, "answer", body).status == 400
    assert kept.answers == {}


@pytest.mark.parametrize("label", ["advert", "", None, ["promo"], {"a": 1}, 5])
def test_an_unknown_label_is_refused(served, kept, label):
    assert post(served, "answer", {"key": "wait", "label": label}).status == 400
    assert kept.answers == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(served, method):
    assert ask(served, "state", method).status == 501


def test_every_answer_forbids_what_the_page_does_not_need(served):
    for reply in (ask(served), ask(served, "state"), ask(served, path="/")):
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["Access-Control-Allow-Origin"] is None


def test_the_page_names_nothing_elsewhere_and_makes_no_markup_of_text():
    text = page.HTML.decode()
    assert "http" not in text
    assert "innerHTML" not in text
    assert "insertAdjacentHTML" not in text
    assert " style=" not in text
    assert " onclick" not in text


def test_it_listens_at_this_machine_alone(desk):
    listening, address = server.made(desk)
    assert listening.server_address[0] == "127.0.0.1"
    assert address.startswith("http://127.0.0.1:")
    listening.server_close()


def test_every_review_has_another_token(desk):
    addresses = []
    for _ in range(2):
        listening, address = server.made(desk)
        listening.server_close()
        addresses.append(address.split("/")[3])
    assert len(set(addresses)) == 2
    assert min(map(len, addresses)) >= 32


def test_a_full_disk_is_told_and_the_answer_does_not_count(served, kept, monkeypatch):
    import os

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    reply = post(served, "answer", {"key": "wait", "label": "promo"})
    assert (reply.status, kept.answers) == (507, {})
    assert b"No space left" in reply.body
