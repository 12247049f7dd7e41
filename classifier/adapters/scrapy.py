"""Scrapy: an add-on and an item pipeline that clean, or annotate, one field of every item.

    ADDONS = {"classifier.adapters.scrapy.ClassifierAddon": 500}

What the settings mean is told in scrapy.md beside this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

try:
    from itemadapter import ItemAdapter
    from scrapy.exceptions import DropItem, NotConfigured
    from scrapy.utils.asyncio import run_in_thread
except ImportError as error:
    raise ImportError("this adapter needs Scrapy 2.19 or newer: pip install 'boilerplate-classifier[scrapy]'") from error

from classifier.job import Verdict
from classifier.schema import InputError, Limits, Policy
from classifier.setup import Setup

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings
    from scrapy.statscollectors import StatsCollector

PREFIX = "CLASSIFIER_"
MODES = ("clean", "annotate")
# Up to here a text is labelled on the reactor's thread: it takes 2.5 ms however short, 3.7 to 5.4 ms at the limit,
# and a thread holds the reactor up for as long, Python's switch interval of 5 ms. A million characters take 200 ms.
INLINE_CHARACTERS = 8_000

# What reads a setting, be it a value of Python or a string from a command line, and its default.
_SETTINGS: Mapping[str, tuple[str, Any]] = {
    "ENABLED": ("getbool", True),
    "FIELD": ("get", "text"),
    "MODE": ("get", "clean"),
    "OUTPUT_FIELD": ("get", "boilerplate"),
    "POLICY": ("get", "balanced"),
    "KEEP": ("getlist", []),
    "THRESHOLDS": ("getdict", {}),
    "MODEL": ("get", None),
    "RULES": ("get", None),
    "PROFILES": ("get", None),
    "SITE_FIELD": ("get", "url"),
    "LANGUAGE_ID": ("get", "exact"),
    "LIMITS": ("getdict", {}),
    "MIN_SHARE": ("getfloat", None),
    "MIN_CHARACTERS": ("getint", None),
    "MAX_RUN": ("getint", None),
}


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings ask for. output_field: where `annotate` writes, None to clean `field` itself."""

    field: str
    output_field: str | None
    site_field: str
    policy: Policy
    verdict: Verdict
    setup: Setup


def options(settings: BaseSettings) -> Options | None:
    """The settings as options, None where CLASSIFIER_ENABLED is off.

    Raises InputError for a setting that is unknown or is not of its kind, PolicyError for an unknown policy or
    label, or a number out of range.
    """
    found = {name: default for name, (_, default) in _SETTINGS.items()}
    for name in [name for name in settings if str(name).startswith(PREFIX) and settings[name] is not None]:
        key = name.removeprefix(PREFIX)
        if key not in _SETTINGS:
            raise InputError(f"unknown setting {name}: use one of {', '.join(PREFIX + known for known in _SETTINGS)}")
        try:
            found[key] = getattr(settings, _SETTINGS[key][0])(name)
        except (TypeError, ValueError) as error:
            raise InputError(f"the setting {name} is {settings[name]!r}: {error}") from error
    if found["MODE"] not in MODES:
        raise InputError(f"the setting {PREFIX}MODE is {found['MODE']!r}: use one of {', '.join(MODES)}")
    if not found["ENABLED"]:
        return None
    return Options(
        found["FIELD"],
        found["OUTPUT_FIELD"] if found["MODE"] == "annotate" else None,
        found["SITE_FIELD"],
        Policy(found["POLICY"], frozenset(found["KEEP"]), found["THRESHOLDS"]),
        Verdict(found["MIN_SHARE"], found["MIN_CHARACTERS"], found["MAX_RUN"]),
        Setup(found["MODEL"], _limits(found["LIMITS"]), found["LANGUAGE_ID"], found["RULES"], found["PROFILES"]),
    )


def _limits(given: Mapping[str, Any]) -> Limits:
    try:
        return Limits(**given)
    except TypeError:
        names = [bound.name for bound in fields(Limits)]
        raise InputError(f"the setting {PREFIX}LIMITS is {dict(given)!r}: use some of {', '.join(names)}") from None


class ClassifierAddon:
    """Puts the pipeline before the project's own, which stand at 300 by habit; a place in ITEM_PIPELINES wins."""

    def update_settings(self, settings: BaseSettings) -> None:
        """Called by Scrapy with the settings of a crawl."""
        settings.setdefault_in_component_priority_dict("ITEM_PIPELINES", ClassifierPipeline, 100)


class ClassifierPipeline:
    """Cleans or annotates one field of every item, and drops the items below the quality asked for."""

    def __init__(self, options: Options, stats: StatsCollector) -> None:
        self._options = options
        self._stats = stats
        self._classifier = options.setup.load(options.policy)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ClassifierPipeline:
        """Raises as `options` and `Classifier.load` do; and NotConfigured when switched off: Scrapy goes on without it."""
        found = options(crawler.settings)
        if found is None:
            raise NotConfigured(f"{PREFIX}ENABLED is off")
        assert crawler.stats
        return cls(found, crawler.stats)

    async def process_item(self, item: Any) -> Any:
        """The item, of any type that Scrapy knows, with its field cleaned or a record of the labels beside it.

        An item without a string in the field passes untouched, and is counted. Raises DropItem for one below
        the quality asked for, InputError for one of a type that declares no output field.
        """
        adapter = ItemAdapter(item) if ItemAdapter.is_item(item) else {}
        text = adapter.get(self._options.field)
        if not isinstance(text, str):
            self._stats.inc_value("classifier/skipped")
            return item
        short = len(text) <= INLINE_CHARACTERS
        site = adapter.get(self._options.site_field)
        field, value, removed, reasons = self._judged(text, site) if short else await run_in_thread(self._judged, text, site)
        self._stats.inc_value("classifier/documents")
        self._stats.inc_value("classifier/characters", len(text))
        self._stats.inc_value("classifier/removed", len(text) if reasons else removed)
        for reason in reasons:
            self._stats.inc_value(f"classifier/dropped/{reason.replace(' ', '_')}")
        if reasons:
            raise DropItem(f"{self._options.field} is below the quality asked for: {', '.join(reasons)}")
        try:
            adapter[field] = value
        except KeyError:
            raise InputError(f"{type(item).__name__} has no field {field!r}: declare it, or set {PREFIX}OUTPUT_FIELD") from None
        return item

    def _judged(self, text: str, site: Any) -> tuple[str, Any, int, list[str]]:
        """The field to write and its value, how many characters are removed, and why the item is dropped."""
        result = self._classifier.label(text, site)
        clean = result.clean_text
        reasons = self._options.verdict.against(result.quality)
        if self._options.output_field is None:
            return self._options.field, clean, len(text) - len(clean), reasons
        return self._options.output_field, {**result.as_dict(), "clean_text": clean}, len(text) - len(clean), reasons
