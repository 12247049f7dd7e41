"""The wheel as a stranger gets it."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_an_installed_wheel_labels_from_another_folder(tmp_path):
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT], check=True, capture_output=True)
    wheel = next(tmp_path.glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert "classifier/models/default/model.joblib" in names
    assert "classifier/py.typed" in names
    assert "classifier/language/han_variants.txt" in names
    assert not [name for name in names if name.startswith(("training", "tests"))]
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    subprocess.run([home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", wheel], check=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    text = "Ships wait for a berth, the port authority said on Monday."
    ran = subprocess.run([home / "bin" / "classifier", "clean", "-"], input=text, text=True, capture_output=True, cwd=elsewhere)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, text, "")
