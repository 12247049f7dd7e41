import pytest

from classifier.language import mixed
from training import languages


def pieces(text):
    return [text[run.start : run.end] for run in mixed.runs(text)]


@pytest.mark.parametrize(
    "text",
    [
        "他用 Blender 和 Krita 画了一整套海报。",
        "船长Maria Lopez与大副Tom Berg一同上岸",
        "先运行make clean再运行make all",
        "海洋学会（Society for Ocean Studies）发布了年度报告。",
        "他翻译了《The Sea Around Us》一书。",
        "口号“Keep the Harbour Clean”贴满了码头。",
        "The ferry Aurora (极光号) left the port at noon.",
        "The word 码头 means a place where ships land.",
        "Find us on WeChat: 港口早报",
        "Meet us at 大连市中山区港湾街1号 before noon.",
        "1. Hao (好): good. ",
        "她把 PDF 发到了 group chat 里",
    ],
)
def test_names_terms_titles_and_glosses_do_not_split_a_sentence(text):
    assert pieces(text) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "船长写道：“¦we will not leave the ship¦”，随后失去联系。",
        "The board said “¦禁止入内，违者罚款¦” in large letters.",
        "港口局解释说¦（All ships have been told to wait outside）¦，家属这才放心。",
        "The door was locked ¦（今日盘点，暂停营业） ¦and nobody came.",
        "返航 | ¦Back to port",
        "See route / ¦查看航线",
        "渔船失联两日后获救 ¦Fishing boat found after two days",
        "下载App，¦or ask the crew for a printed copy of the map",
        "Advertisement: ¦现在订票立减十元，限时三天。",
        "她唱道：¦I would sail across the sea for you¦，众人鼓掌。",
        "韩国船员写道：¦우리는 모두 안전하게 돌아왔습니다.",
        "她用日语说：“¦おやすみなさい¦”，便挂了电话。",
        "法国船长说：“¦Nous ne quitterons pas le port de la ville.¦”",
    ],
)
def test_clauses_headings_and_quotations_of_another_language_do(text):
    parts = text.split("¦")
    assert pieces("".join(parts)) == parts


def test_runs_tile_their_sentence():
    for text in ("（港）a港", "a", "港", "，", "", "”港“a”", "かa港б한"):
        found = mixed.runs(text)
        assert "".join(text[run.start : run.end] for run in found) == (text if found else "")


def test_the_examples_are_exact_in_at_least_96_of_100_and_the_hard_ones_too():
    records = languages.read(languages.Path(__file__).parent / "examples" / "languages.jsonl")
    wrong = [record for record in records if languages.found(record["text"]) != languages.gold(record)]
    hard = [record for record in records if record["hard"]]
    assert len(wrong) <= 0.04 * len(records), [record["text"] for record in wrong]
    assert sum(record in hard for record in wrong) <= 0.04 * len(hard)


def test_the_command_prints_its_figures(tmp_path, capsys):
    file = tmp_path / "spans.jsonl"
    file.write_text(
        '{"text": "港口关闭。The port is closed.", "spans": [[0, 5, "zh-hans"], [5, 24, "en"]], "hard": true}\n', "utf-8"
    )
    assert languages.main([str(file), "--documents", str(file), "--rounds", "1"]) == 0
    out = capsys.readouterr().out
    assert "exact      exact 1 of 1, hard 1 of 1" in out
    assert "x langdetect" in out
    assert "look-ups of the profiles per 1,000 documents" in out


def test_the_command_names_the_line_that_it_cannot_read(tmp_path, capsys):
    file = tmp_path / "spans.jsonl"
    file.write_text('{"text": "a", "spans": []}\n[]\n', "utf-8")
    assert languages.main([str(file)]) == 2
    assert "spans.jsonl:2" in capsys.readouterr().err
