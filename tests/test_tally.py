import json
import random

from classifier.corpus import tally
from classifier.corpus.tally import Tally


def some(number):
    drawn = random.Random(number)
    made = Tally(documents=drawn.randrange(9), characters=drawn.randrange(99), removed=drawn.randrange(9))
    for _ in range(20):
        made.parts[f"{drawn.choice(['promo', 'legal'])} {drawn.choice(['en', 'zh'])}"] = [drawn.randrange(9) for _ in range(3)]
        made.kinds[drawn.choice(["recipe", "house"])] = [drawn.randrange(9) for _ in range(3)]
        made.sites[f"site {drawn.randrange(30)}"] = [drawn.randrange(1, 9), drawn.randrange(99), drawn.randrange(9)]
        made.strings[f"text {drawn.randrange(30)}"] = drawn.randrange(1, 9)
        made.samples.append([drawn.randrange(10**9), {"text": str(drawn.random())}])
    for reason in ("not JSON", "not UTF-8")[: drawn.randrange(3)]:
        made.reject(reason)
    return made


def total(numbers):
    added = Tally()
    for number in numbers:
        added.add(some(number))
    return added


def test_counts_are_the_same_in_any_order_and_grouping():
    in_two = total(range(7))
    in_two.add(total(range(7, 20)))
    assert total(range(20)).summary() == total(reversed(range(20))).summary() == in_two.summary()
    assert total(range(20)).kinds == total(reversed(range(20))).kinds == in_two.kinds


def test_counts_come_back_from_json():
    before = total(range(5))
    assert Tally(**json.loads(json.dumps(before.as_dict()))).summary() == before.summary()


def test_what_is_counted_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(tally, "_STRINGS", 10)
    monkeypatch.setattr(tally, "_SITES", 10)
    added = Tally()
    for number in range(200):
        added.add(Tally(sites={f"s{number}": [1, 10, 1], "large": [5, 50, 5]}, strings={f"t{number}": 1, "often": 3}))
    assert len(added.sites) <= 21
    assert len(added.strings) <= 20
    assert len(added.samples) <= tally.SAMPLES
    assert added.strings["often"] == 600
    assert sum(row[0] for row in added.sites.values()) == 1_200


def test_a_site_that_removes_far_more_than_the_others_deviates():
    sites = {f"s{n}": [10, 1_000, 100 + n] for n in range(20)} | {"odd": [10, 1_000, 700], "small": [1, 100, 100]}
    found = Tally(sites=sites).summary()["sites"]
    assert [row["site"] for row in found["deviating"]] == ["odd"]
    assert found["deviating"][0]["removed_share"] == 0.7


def test_a_run_without_documents_has_a_report():
    assert Tally().summary()["removed_share"] == 0
