import re
import shlex
from pathlib import Path

from classifier import options

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_python_examples_print_what_the_readme_shows(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    examples = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", README, re.S)
    names = {}
    for code, shown in examples:
        exec(code, names)
        assert capsys.readouterr().out == shown
    assert len(examples) == README.count("```python")


def test_the_commands_of_the_readme_are_commands():
    lines = re.findall(r"^classifier .*?(?=  #|$)", README, re.M)
    for line in lines:
        options.parser().parse_args(shlex.split(line.removesuffix("…"))[1:])
    assert len(lines) > 8
