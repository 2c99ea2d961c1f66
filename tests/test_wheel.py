"""The wheel: everything that is under `src` is in it, and so what is not Python too."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT_S = 120


def test_it_holds_the_whole_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=LIMIT_S)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        sizes = {each.filename: each.file_size for each in packed.infolist()}
    written = [file for file in (ROOT / "src").rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    assert {str(file.relative_to(ROOT / "src")): file.stat().st_size for file in written}.items() <= sizes.items()
    assert all(f"vivavoce/playground/{name}" in sizes for name in ("index.html", "account.html", "page.js", "icon.svg"))
    assert {name.partition("/")[0] for name in sizes if ".dist-info/" not in name} == {"vivavoce"}
