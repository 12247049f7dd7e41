import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.corpus import formats
from classifier.corpus.formats import Fields, Raw, Record, Reject, Stream
from classifier.corpus.sources import Source

SOURCE = Source("crawl", "crawl")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def read(data, kind, most=1_000, **place):
    return list(formats.read(io.BufferedReader(io.BytesIO(data)), SOURCE, kind, most, **place))


def texts(data, kind, most=1_000):
    parsed = [item if isinstance(item, Reject) else formats.parse(item, Fields()) for item in read(data, kind, most)]
    return [item.text if isinstance(item, Record) else item.reason for item in parsed]


def conversion(uri, body, length=None, kind="conversion"):
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {uri}\r\nWARC-Record-ID: <urn:{uri}>\r\n"
        f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.jsonl", b"", "jsonl"),
        ("a.ndjson.gz", b"x", "jsonl"),
        ("a", b'{"text": 1}\n', "jsonl"),
        ("a", b'\xef\xbb\xbf  {"text": "x"', "jsonl"),
        ("a", b"{}", "jsonl"),
        ("a.json", b"{\n", "text"),
        ("a", b"{{Infobox}}", "text"),
        ("a.txt", b"Text", "text"),
        ("a", b"WARC/1.0\r\n", "wet"),
        ("a.jsonl", b"PAR1....", "parquet"),
    ],
)
def test_a_file_is_what_it_holds(name, data, kind):
    stream = Stream(io.BytesIO(data))
    assert formats.kind_of(name, stream, io.BufferedReader(stream)) == kind


def test_lines_are_cut_at_line_feeds_alone():
    body = '{"text": "one\u2028two\u0085three\x0c"}\r\n{"text": "four"}'
    assert texts(body.encode(), "lines") == body.split("\r\n")
    assert texts('{"text": "one\u2028two"}\r\n\n \n{"text": "four"}'.encode(), "jsonl") == ["one\u2028two", "four"]


def test_a_record_knows_its_line_and_its_first_byte():
    data = b'\xef\xbb\xbf{"text": "a"}\n\n{"text": "b"}\n'
    assert [(raw.line, data[raw.offset : raw.offset + len(raw.raw)] == raw.raw) for raw in read(data, "jsonl")] == [
        (1, True),
        (3, True),
    ]


def test_reading_goes_on_where_it_is_told_to():
    data = b'{"text": "a"}\n\n{"text": "b"}\n'
    second = read(data, "jsonl")[1]
    assert read(data[second.offset :], "jsonl", offset=second.offset, line=second.line - 1) == [second]


@pytest.mark.parametrize("kind", ["jsonl", "lines", "text"])
def test_a_record_over_the_cap_is_set_aside_and_the_next_is_read(kind):
    data = b'{"text": "%s"}\n{"text": "b"}' % (b"x" * 5_000_000)
    found = read(data, kind)
    assert isinstance(found[0], Reject)
    assert (found[0].reason, found[0].offset) == ("too long", 0)
    if kind != "text":
        assert (found[1].line, found[1].raw) == (2, b'{"text": "b"}')


def test_a_record_as_long_as_the_cap_is_read():
    assert texts(b"x" * 999 + b"\n" + b"y", "lines", 1_000) == ["x" * 999, "y"]


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (b"\xff", "not UTF-8", "byte 1 of it"),
        (b'{"text": "a\x00b"}', "not JSON", "control character"),
        (b'{"text": "a"} {}', "not JSON", "Extra data"),
        (b"[1]", "not JSON", "a list"),
        (b'{"body": "a", "id": 1}', "no text", "no field 'text'; it has 'body', 'id': see --text-field"),
        (b'{"text": null}', "no text", "NoneType"),
        (b"[" * 100_000, "not JSON", "recursion"),
    ],
)
def test_what_is_no_record_is_set_aside_with_the_reason(line, reason, detail):
    found = formats.parse(Raw("crawl", "crawl", "jsonl", 3, 70, line), Fields())
    assert (found.reason, found.line, found.offset) == (reason, 3, 70)
    assert detail in found.detail
    assert str(found).startswith("crawl, line 3, byte 70: ")


@given(st.dictionaries(st.text(), VALUES), st.text(), st.text(), st.booleans(), st.sampled_from([", ", " ,\t"]))
def test_another_text_changes_no_other_byte_of_a_line(fields, old, new, ascii_only, comma):
    def line(text):
        members = "".join(
            f"{json.dumps(key)} : {json.dumps(value, ensure_ascii=ascii_only)}{comma}" for key, value in fields.items()
        )
        return f'{{ {members}"text": {json.dumps(text, ensure_ascii=False)}{comma}"z": 1.10}}\n'.encode()

    record = formats.parse(Raw("crawl", "crawl", "jsonl", 1, 0, line(old)), Fields())
    assert record.text == old
    assert formats.rewritten(record, old, "text") == line(old)
    assert formats.rewritten(record, new, "text") == line(new)


def test_numbers_and_repeated_fields_stay_as_they_are_written():
    line = b'{"a": 1.10, "b": 1e400, "text": "old", "c": 123456789012345678901234567890, "text": "x\\u0079", "d": -0.0 }\r\n'
    record = formats.parse(Raw("crawl", "crawl", "jsonl", 1, 0, line), Fields())
    assert record.text == "xy"
    assert formats.rewritten(record, "新", "text") == line.replace(b'"x\\u0079"', '"新"'.encode())


def test_a_lone_surrogate_is_written_as_an_escape():
    record = formats.parse(Raw("crawl", "crawl", "jsonl", 1, 0, b'{"text": "\\ud800 x"}'), Fields())
    assert json.loads(formats.rewritten(record, "\ud800", "text")) == {"text": "\ud800"}


def test_a_line_takes_another_field():
    assert json.loads(formats.extended(b'{"text": "a"}\n', "why", ["b"])) == {"text": "a", "why": ["b"]}


def test_conversions_of_a_wet_file_are_records_with_their_address():
    data = conversion("u:0", b"about", kind="warcinfo") + conversion("http://port.example/1", "港口\n".encode())
    (raw,) = read(data, "wet")
    record = formats.parse(raw, Fields())
    assert (record.line, record.text, record.id, record.site) == (2, "港口\n", "<urn:http://port.example/1>", "port.example")
    assert json.loads(formats.rewritten(record, "x", "text"))["url"] == "http://port.example/1"


@pytest.mark.parametrize("length", ["x", "-1", "99999999999", 3, ""])
def test_a_damaged_length_costs_one_record_of_a_wet_file(length):
    data = conversion("u:1", b"first") + conversion("u:2", b"second text", length) + conversion("u:3", b"third")
    found = texts(data, "wet")
    assert found[0] == "first"
    assert found[-1] == "third"
    assert set(found[1:-1]) <= {"not WARC", "too long", "sec"}
    assert {"not WARC", "too long"} & set(found)


@pytest.mark.parametrize("blank", [b"\r\r\n", b" \t\n", b"\x0b\r\n", b"\n"])
def test_any_blank_line_ends_the_head_of_a_wet_record_and_not_one_in_its_body(blank):
    body = "港口 closed\r\n\r\nand open".encode()
    data = conversion("u:1", body).replace(b"\r\n\r\n", b"\r\n" + blank, 1) + conversion("u:2", b"second")
    assert texts(data, "wet") == [body.decode(), "second"]


def test_a_wet_file_cut_short_gives_what_stands_before():
    assert texts((conversion("u:1", b"first") + conversion("u:2", b"second"))[:-8], "wet") == ["first", "not WARC"]


@pytest.mark.parametrize(
    ("value", "site"),
    [
        ("https://www.port.example:80/a?b", "www.port.example"),
        ("port", "port"),
        ("http://[", "http://["),
        (5, None),
        ("", None),
    ],
)
def test_the_site_is_the_host_of_an_address(value, site):
    assert formats.site(value) == site
