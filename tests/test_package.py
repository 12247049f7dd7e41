"""The wheel as a stranger gets it."""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = "Ships wait for a berth, the port authority said on Monday."
NOBODY = 65534


def built(source, folder):
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", folder, source], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return built(ROOT, tmp_path_factory.mktemp("wheel"))


def test_an_installed_wheel_labels_from_another_folder(wheel, tmp_path):
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
    ran = subprocess.run([home / "bin" / "classifier", "clean", "-"], input=TEXT, text=True, capture_output=True, cwd=elsewhere)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, TEXT, "")


@pytest.mark.slow
def test_a_wheel_built_twice_has_the_same_bytes(wheel, tmp_path):
    kept = shutil.ignore_patterns(".*", "build", "dist", "__pycache__")
    copy = Path(shutil.copytree(ROOT, tmp_path / "copy", ignore=kept))
    for file in copy.rglob("*"):
        os.utime(file, (1_000_000_000, 1_000_000_000))
    assert built(copy, tmp_path / "out").read_bytes() == wheel.read_bytes()


def stranger():
    """Somebody who may write nothing here, as arguments of a process: root may write everywhere, so another is asked."""
    return {} if os.geteuid() else {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def interpreter():
    """A Python that a stranger may run."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            ask = "import sys; sys.exit(sys.version_info < (3, 11))"
            if not subprocess.run([os.path.realpath(python), "-c", ask], **stranger(), cwd="/", check=False).returncode:
                return os.path.realpath(python)
        except OSError:  # in the home of root, say
            continue
    pytest.skip("every Python here lies where only its owner may read")


@pytest.fixture
def open_folder():
    """A folder below which anybody may read; pytest's own are private."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    shutil.rmtree(folder)


@pytest.mark.slow
def test_a_wheel_installs_without_a_network_and_runs_where_nothing_may_be_written(wheel, open_folder):
    python, house, home = interpreter(), open_folder / "wheels", open_folder / "venv"
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", house, wheel], check=True)
    subprocess.run([python, "-m", "venv", "--without-pip", home], check=True)
    offline = ["unshare", "--net"] if not os.geteuid() and shutil.which("unshare") else []
    nowhere = {
        **os.environ,
        "PIP_CONFIG_FILE": os.devnull,
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }
    install = [sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "--quiet", "--no-index"]
    subprocess.run([*offline, *install, "--find-links", house, "boilerplate-classifier"], check=True, env=nowhere)

    closed, many = open_folder / "closed", open_folder / "many.txt"
    closed.mkdir()
    many.write_text(f"{TEXT}\n" * 20_000, "utf-8")
    subprocess.run(["chmod", "-R", "a+rX,a-w", open_folder], check=True)
    before = set(open_folder.rglob("*"))
    env = {"PATH": "/usr/bin:/bin", "HOME": str(closed), "TMPDIR": str(closed)}

    def run(*arguments, given=""):
        command = [*offline, home / "bin" / "classifier", *arguments]
        if offline:  # the namespace is root's to make: whoever runs in it is named behind
            command = [
                *offline,
                "setpriv",
                f"--reuid={NOBODY}",
                f"--regid={NOBODY}",
                "--clear-groups",
                *command[len(offline) :],
            ]
        who = {} if offline else stranger()
        return subprocess.run(command, input=given, text=True, capture_output=True, cwd=closed, env=env, check=False, **who)

    assert subprocess.run(["touch", closed / "x"], capture_output=True, **stranger(), check=False).returncode
    ran = run("clean", "-", given=TEXT)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, TEXT, "")
    ran = run("clean", "--input", "lines", "--workers", "2", str(many))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, many.read_text("utf-8"), "")
    assert run("info").returncode == 0
    assert before == set(open_folder.rglob("*"))
