"""The Scrapy adapter, by itself and in real crawls of a small site on this machine."""

import asyncio
import html
import json
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import scrapy
from scrapy.exceptions import DropItem, NotConfigured
from scrapy.settings import Settings
from scrapy.statscollectors import MemoryStatsCollector

from classifier import ClassifierError, Policy
from classifier.adapters import scrapy as adapter
from classifier.adapters.scrapy import INLINE_CHARACTERS, ClassifierAddon, ClassifierPipeline

PAGE = Path(adapter.__file__).with_suffix(".md").read_text("utf-8")
LEGAL_EN = (
    "Disclaimer: the information on this website is provided for general purposes only and is no professional advice. "
    "All rights reserved."
)
LEGAL_ZH = "免责声明：本文内容仅供参考，不构成任何投资建议。版权所有，未经授权不得转载。"
PROMO_EN = "Subscribe to our newsletter today and get the best stories in your inbox every morning!"
PROMO_ZH = "立即扫码关注我们的公众号，每天领取优惠券，更多好礼等你来拿！"
TRAM = [
    "The council voted on Monday to reopen the tram line along the river, eleven years after a flood washed the rails away.",
    "Engineers found that two of the three bridges can carry the new cars without being rebuilt, which saves a third.",
    PROMO_EN,
    LEGAL_EN,
]
TEA = [
    "今年春茶比往年晚了十二天，山上的气温在三月底还降到过零下，最早的一批嫩芽几乎全部冻坏。",
    "村里的老茶农说，他们把采摘推迟到清明之后，产量少了两成，但是味道比前几年更清。",
    PROMO_ZH,
    LEGAL_ZH,
]
LONG = [
    *(
        f"In year {year} the gauge at the old mill stood at {year % 37} centimetres, and the ferry ran again."
        for year in range(900, 1030)
    ),
    *(f"第{day}天，巡河的人在日记里写道，水位又降了{day % 7}厘米，渡口仍然没有开放。" for day in range(1, 60)),
    PROMO_EN,
    LEGAL_ZH,
]
OFFERS = ["Buy now and save half!", "Subscribe today, follow us and download our app.", "关注公众号领取红包。", LEGAL_EN]
SITE = {"tram": TRAM, "tea": TEA, "long": LONG, "offers": OFFERS}
TEXTS = {name: "\n".join(paragraphs) for name, paragraphs in SITE.items()}

# Wraps the library so that the crawl tells where it labelled, and writes its statistics down.
SPIDER = """
import dataclasses, json, threading, typing
import scrapy
from classifier import Classifier

label = Classifier.label
def told(self, text, site=None):
    with open("threads.jsonl", "a") as file:
        print(json.dumps([len(text), threading.current_thread() is threading.main_thread()]), file=file)
    return label(self, text, site)
Classifier.label = told

@dataclasses.dataclass
class Page:
    name: str
    text: str
    boilerplate: typing.Any = None

@dataclasses.dataclass
class Bare:
    name: str
    text: str

class PageItem(scrapy.Item):
    name = scrapy.Field()
    text = scrapy.Field()
    boilerplate = scrapy.Field()

class PageSpider(scrapy.Spider):
    name = "pages"
    custom_settings = {"ADDONS": {"classifier.adapters.scrapy.ClassifierAddon": 500}}

    async def start(self):
        yield scrapy.Request(self.url)

    def parse(self, response):
        yield {"name": "index", "links": len(response.css("h2 a"))}
        yield from response.follow_all(css="h2 a", callback=self.parse_article)

    def parse_article(self, response):
        name = response.css("h1::text").get()
        text = "\\n".join(response.css("article p::text").getall())
        kinds = [dict, Page, PageItem] + [Bare] * (getattr(self, "bare", "") == "yes")
        for kind in kinds:
            yield kind(name=f"{name} {kind.__name__}", text=text)

    def closed(self, reason):
        with open("stats.json", "w") as file:
            json.dump(self.crawler.stats.get_stats(), file, default=str)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of the site: an index, and a page for each article."""
    folder = tmp_path_factory.mktemp("site")
    for name, paragraphs in SITE.items():
        body = "\n".join(f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs)
        page = f"<html><head><meta charset='utf-8'></head><body><h1>{name}</h1><article>{body}</article></body></html>"
        (folder / f"{name}.html").write_text(page, "utf-8")
    (folder / "index.html").write_text("".join(f"<h2><a href='{name}.html'>{name}</a></h2>" for name in SITE), "utf-8")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def run(folder, spider, url, *options):
    """A crawl in a process of its own: what Scrapy printed, items by name, statistics, and where texts were labelled."""
    (folder / "spider.py").write_text(spider, "utf-8")
    command = [sys.executable, "-m", "scrapy", "runspider", "spider.py", "-a", f"url={url}", "-O", "items.jsonl", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    items = [json.loads(line) for line in _lines(folder / "items.jsonl")]
    stats = json.loads("".join(_lines(folder / "stats.json")) or "{}")
    threads = [json.loads(line) for line in _lines(folder / "threads.jsonl")]
    return SimpleNamespace(log=done.stderr, code=done.returncode, items=items, stats=stats, threads=threads)


def _lines(file):
    return file.read_text("utf-8").splitlines() if file.exists() else []


def by_name(items):
    return {item["name"]: item for item in items if item["name"] != "index"}


KINDS = ("dict", "Page", "PageItem")


@pytest.fixture(scope="module")
def cleaned(site, tmp_path_factory):
    return run(tmp_path_factory.mktemp("cleaned"), SPIDER, site)


@pytest.fixture(scope="module")
def annotated(site, tmp_path_factory):
    options = "-a bare=yes -s CLASSIFIER_MODE=annotate -s CLASSIFIER_KEEP=legal -s CLASSIFIER_MIN_SHARE=0.2".split()
    return run(tmp_path_factory.mktemp("annotated"), SPIDER, site, *options, "-s", "CLASSIFIER_MIN_CHARACTERS=20")


def test_a_crawl_cleans_items_of_every_kind_as_the_library_does(cleaned, clf):
    items = by_name(cleaned.items)
    assert set(items) == {f"{name} {kind}" for name in SITE for kind in KINDS}
    for name, text in TEXTS.items():
        assert {items[f"{name} {kind}"]["text"] for kind in KINDS} == {clf.label(text).clean_text}
    assert "reopen the tram line" in items["tram dict"]["text"]
    assert PROMO_EN not in items["tram dict"]["text"]
    assert TEA[0] in items["tea Page"]["text"]
    assert LEGAL_ZH not in items["tea Page"]["text"]


def test_a_crawl_leaves_an_item_without_the_field_untouched_and_counts_it(cleaned):
    assert [item for item in cleaned.items if item["name"] == "index"] == [{"name": "index", "links": len(SITE)}]
    assert cleaned.stats["classifier/skipped"] == 1


def test_a_crawl_counts_documents_characters_and_what_was_removed(cleaned, clf):
    removed = sum(len(text) - len(clf.label(text).clean_text) for text in TEXTS.values())
    assert cleaned.stats["classifier/documents"] == len(KINDS) * len(SITE)
    assert cleaned.stats["classifier/characters"] == len(KINDS) * sum(map(len, TEXTS.values()))
    assert cleaned.stats["classifier/removed"] == len(KINDS) * removed > 0


def test_a_crawl_labels_long_texts_off_the_thread_of_the_reactor_and_short_ones_on_it(cleaned):
    assert {main for size, main in cleaned.threads if size <= INLINE_CHARACTERS} == {True}
    assert {main for size, main in cleaned.threads if size > INLINE_CHARACTERS} == {False}


def test_a_reactor_without_asyncio_labels_the_same(cleaned, site, tmp_path):
    reactor = "TWISTED_REACTOR=twisted.internet.selectreactor.SelectReactor"
    crawl = run(tmp_path, SPIDER, site, "-s", reactor)
    assert "SelectReactor" in crawl.log
    assert by_name(crawl.items) == by_name(cleaned.items)
    assert {main for size, main in crawl.threads if size > INLINE_CHARACTERS} == {False}


def test_a_crawl_annotates_with_the_labels_of_the_library(annotated, clf):
    items = by_name(annotated.items)
    for name in ("tram", "tea", "long"):
        result = clf.label(TEXTS[name]).with_policy(Policy.balanced(keep={"legal"}))
        record = {**json.loads(json.dumps(result.as_dict())), "clean_text": result.clean_text}
        assert [items[f"{name} {kind}"]["boilerplate"] for kind in KINDS] == [record] * len(KINDS)
        assert {items[f"{name} {kind}"]["text"] for kind in KINDS} == {TEXTS[name]}
    assert LEGAL_EN in items["tram dict"]["boilerplate"]["clean_text"]


def test_a_crawl_drops_items_below_the_quality_asked_for_and_counts_each_reason(annotated):
    assert not [name for name in by_name(annotated.items) if name.startswith("offers")]
    dropped = len(KINDS) + 1
    assert annotated.stats["classifier/dropped/content_share"] == dropped
    assert annotated.stats["classifier/dropped/content_characters"] == dropped
    assert annotated.stats["item_dropped_reasons_count/DropItem"] == dropped
    assert "text is below the quality asked for: content share, content characters" in annotated.log


def test_a_crawl_says_which_field_an_item_type_lacks(annotated):
    assert "Bare has no field 'boilerplate': declare it, or set CLASSIFIER_OUTPUT_FIELD" in annotated.log
    assert not [name for name in by_name(annotated.items) if name.endswith("Bare")]


def test_a_crawl_with_a_wrong_setting_stops_at_its_start_and_says_which(site, tmp_path):
    crawl = run(tmp_path, SPIDER, site, "-s", "CLASSIFIER_MODE=wash")
    assert "the setting CLASSIFIER_MODE is 'wash': use one of clean, annotate" in crawl.log
    assert crawl.code != 0
    assert not crawl.items


def test_a_crawl_goes_on_without_the_pipeline_when_it_is_switched_off(site, tmp_path):
    crawl = run(tmp_path, SPIDER, site, "-s", "CLASSIFIER_ENABLED=0")
    assert "CLASSIFIER_ENABLED is off" in crawl.log
    assert by_name(crawl.items)["tram dict"]["text"] == TEXTS["tram"]
    assert not [name for name in crawl.stats if name.startswith("classifier/")]


def test_the_spider_of_the_page_runs_as_it_stands(site, tmp_path, clf):
    (spider,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    crawl = run(tmp_path, spider, site)
    policy = Policy.balanced(keep={"legal"})
    expected = {f"{site}{name}.html": clf.label(TEXTS[name]).with_policy(policy).clean_text for name in ("tram", "tea", "long")}
    assert {item["url"]: item["text"] for item in crawl.items} == expected


def test_the_page_lists_every_setting():
    assert re.findall(r"^\| `(CLASSIFIER_\w+)`", PAGE, re.M) == [f"CLASSIFIER_{name}" for name in adapter._SETTINGS]


def pipeline(**settings):
    crawler = SimpleNamespace(settings=Settings({f"CLASSIFIER_{name}": value for name, value in settings.items()}))
    crawler.stats = MemoryStatsCollector(crawler)
    return ClassifierPipeline.from_crawler(crawler)


def process(pipeline, item):
    return asyncio.run(pipeline.process_item(item))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"FEILD": "text"}, "unknown setting CLASSIFIER_FEILD: use one of CLASSIFIER_ENABLED, CLASSIFIER_FIELD"),
        ({"MODE": "wash"}, "CLASSIFIER_MODE is 'wash'"),
        ({"POLICY": "bold"}, "unknown preset 'bold'"),
        ({"KEEP": "legal,spam"}, "unknown label 'spam'"),
        ({"THRESHOLDS": "promo=0.8"}, "CLASSIFIER_THRESHOLDS is 'promo=0.8'"),
        ({"MIN_SHARE": "half"}, "CLASSIFIER_MIN_SHARE is 'half'"),
        ({"MIN_SHARE": "50"}, "share is 50.0: use a number from 0 to 1"),
        ({"MIN_CHARACTERS": "-1"}, "characters is -1"),
        ({"MODEL": "no/such/folder"}, "no/such/folder"),
        ({"RULES": "no.toml"}, r"cannot read the rules no\.toml"),
        ({"PROFILES": "no.json"}, r"cannot read the profiles no\.json"),
        ({"LANGUAGE_ID": "guess"}, "unknown language_id 'guess'"),
        ({"LIMITS": {"seconds": 5}}, "CLASSIFIER_LIMITS is {'seconds': 5}: use some of segment_characters"),
        ({"LIMITS": '{"document_segments": 1.5}'}, "document_segments is 1.5"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name(settings, message):
    with pytest.raises(ClassifierError, match=message):
        pipeline(**settings)


def test_settings_may_be_values_or_strings_from_a_command_line():
    values = {"KEEP": ["legal"], "THRESHOLDS": {"promo": 0.8}, "MIN_SHARE": 0.5, "MIN_CHARACTERS": 9, "MAX_RUN": 99}
    strings = {"KEEP": "legal", "THRESHOLDS": '{"promo": 0.8}', "MIN_SHARE": "0.5", "MIN_CHARACTERS": "9", "MAX_RUN": "99"}
    assert pipeline(**values)._options == pipeline(**strings)._options


def test_a_setting_that_is_none_counts_as_not_set():
    assert pipeline(MIN_SHARE=None, POLICY=None)._options == pipeline()._options


def test_the_pipeline_steps_aside_when_it_is_switched_off():
    with pytest.raises(NotConfigured):
        pipeline(ENABLED="False")


@pytest.mark.parametrize("item", [{"text": None}, {"text": b"bytes"}, {"text": ["a", "list"]}, {}, "no item", None])
def test_what_has_no_string_in_the_field_passes_untouched_and_is_counted(item):
    line = pipeline()
    assert process(line, item) is item
    assert line._stats.get_value("classifier/skipped") == 1
    assert line._stats.get_value("classifier/documents") is None


def test_another_field_is_cleaned_and_the_rest_of_the_item_stays(clf):
    item = process(pipeline(FIELD="body"), {"body": TEXTS["tea"], "text": TEXTS["tram"]})
    assert item == {"body": clf.label(TEXTS["tea"]).clean_text, "text": TEXTS["tram"]}


def test_rules_and_profiles_decide_by_the_address_in_the_item(tide):
    line = pipeline(MODE="annotate", **{name.upper(): file for name, file in tide.files.items()})
    items = [process(line, {"text": text, "url": site}) for text, site in tide.documents]
    assert [item["boilerplate"]["spans"][-1]["decided_by"] for item in items] == tide.decided


def test_limits_are_those_of_the_library():
    item = process(pipeline(MODE="annotate", LIMITS='{"document_segments": 1}'), {"text": TEXTS["tram"]})
    assert item["boilerplate"]["spans"][-1]["decided_by"] == "limit"


def test_an_empty_text_is_a_document_and_stays_empty():
    assert process(pipeline(), {"text": ""}) == {"text": ""}


def test_an_item_is_dropped_for_a_long_run_of_boilerplate_and_counts_as_removed_whole():
    line = pipeline(MAX_RUN=50)
    with pytest.raises(DropItem, match="boilerplate run"):
        process(line, {"text": TEXTS["tram"]})
    assert line._stats.get_value("classifier/dropped/boilerplate_run") == 1
    assert line._stats.get_value("classifier/removed") == len(TEXTS["tram"])


def test_items_that_are_processed_at_the_same_time_do_not_mix(clf):
    line = pipeline()

    async def together():
        return await asyncio.gather(*(line.process_item({"text": text}) for text in [*TEXTS.values()] * 4))

    assert asyncio.run(together()) == [{"text": clf.label(text).clean_text} for text in [*TEXTS.values()] * 4]


def test_an_item_class_that_declares_the_output_field_is_annotated(clf):
    class Article(scrapy.Item):
        text = scrapy.Field()
        labels = scrapy.Field()

    item = process(pipeline(MODE="annotate", OUTPUT_FIELD="labels"), Article(text=TEXTS["tea"]))
    assert item["labels"]["spans"] == [span.as_dict() for span in clf.label(TEXTS["tea"]).spans]


def test_a_frozen_item_fails_and_keeps_its_text():
    @dataclass(frozen=True)
    class Frozen:
        text: str

    item = Frozen(TEXTS["tram"])
    with pytest.raises(AttributeError, match="cannot assign to field 'text'"):
        process(pipeline(), item)


@pytest.mark.parametrize("place", [ClassifierPipeline, "classifier.adapters.scrapy.ClassifierPipeline"])
def test_the_add_on_leaves_a_place_of_the_projects_own(place):
    settings = Settings({"ITEM_PIPELINES": {place: 450}})
    ClassifierAddon().update_settings(settings)
    assert settings.getdict("ITEM_PIPELINES") == {place: 450}


def test_the_adapter_without_its_library_names_the_extra():
    code = "import sys; sys.modules['scrapy'] = None; import classifier.adapters.scrapy"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'boilerplate-classifier[scrapy]'" in done.stderr
