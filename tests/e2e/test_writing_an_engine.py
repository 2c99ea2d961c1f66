"""The engine of docs/writing-an-engine.md: installed as a package of somebody else's, and run."""

import base64
import hashlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.e2e.sound import loudest, wav_samples

PAGE = Path(__file__).parents[2] / "docs" / "writing-an-engine.md"
BLOCK = re.compile(r"```(?:python|toml)\n# (\S+)\n(.*?)```", re.DOTALL)
LIMIT_S = 120


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """The files the page shows."""
    return dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))


def wheel(files: dict[str, str], folder: Path) -> Path:
    """What a build of the page's package makes; a build would have to fetch its backend."""
    project = tomllib.loads(files["pyproject.toml"])["project"]
    name, version = project["name"].replace("-", "_"), project["version"]
    about = f"{name}-{version}.dist-info"
    points = "".join(
        f"[{group}]\n" + "".join(f"{use} = {target}\n" for use, target in named.items())
        for group, named in project["entry-points"].items()
    )
    held = {
        "morse.py": files["morse.py"],
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": points,
    }
    digests = {path: hashlib.sha256(text.encode()).digest() for path, text in held.items()}
    held[f"{about}/RECORD"] = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},{len(held[path].encode())}\n"
        for path, digest in digests.items()
    )
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as packed:
        for path, text in held.items():
            packed.writestr(path, text)
    return made


@pytest.fixture(scope="module")
def home(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed in `site`, and its test and a configuration beside it."""
    home = tmp_path_factory.mktemp("morse")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(home / "site")]
    subprocess.run([*pip, str(wheel(files, home))], check=True, timeout=LIMIT_S)
    for name in ("test_morse.py", "vivavoce.toml"):
        (home / name).write_text(files[name], encoding="utf-8")
    return home


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python's in the folder, with the package installed."""
    ours = [str(Path(each).resolve()) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    path = os.pathsep.join([str(home / "site"), *ours])
    environment = {**os.environ, "PYTHONPATH": path, "VIVAVOCE_HOME": str(home)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(
        command, cwd=home, env=environment, timeout=LIMIT_S, capture_output=True, text=True, check=False
    )


def test_it_is_as_short_as_it_says(files: dict[str, str]) -> None:
    lines = [line for line in files["morse.py"].splitlines() if line.strip()]
    assert len(lines) <= 40


def test_it_speaks_by_its_entry_point(home: Path) -> None:
    done = run(home, "vivavoce", "say", "SOS", "--out", "sos.wav")
    assert done.returncode == 0, done.stderr
    samples, seconds = wav_samples((home / "sos.wav").read_bytes())
    dots = 8 + 14 + 8  # each sign and the gap after it, and two dots after each letter
    assert seconds == pytest.approx(dots * 0.05, abs=0.15)
    assert loudest(samples) > 5000


def test_its_own_check_passes(home: Path) -> None:
    done = run(home, "pytest", "-q", "-p", "no:cacheprovider", "test_morse.py")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_a_wrong_option_of_it_is_found_with_its_line(home: Path) -> None:
    wrong = home / "wrong.toml"
    wrong.write_text((home / "vivavoce.toml").read_text().replace("dot_ms", "dash_ms"), encoding="utf-8")
    done = run(home, "vivavoce", "config", "check", "--config", str(wrong))
    assert done.returncode == 1
    assert "wrong.toml:3" in done.stdout
    assert "unknown key 'dash_ms' in [engines.telegraph.options]; did you mean 'dot_ms'?" in done.stdout
