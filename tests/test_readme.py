import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def test_the_python_example_prints_what_the_readme_shows(capsys):
    code, shown = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", README, re.S).groups()
    exec(code, {})
    assert capsys.readouterr().out == shown
