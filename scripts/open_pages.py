"""Opens pages that `cargo sim --html` has drawn in Chromium, headless: each tests itself, and complains of nothing.

Without Chromium it says so, and passes.

    python3 scripts/open_pages.py docs/pictures/*.html
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
PLAIN = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr", "--dump-dom")
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")


def verdict(browser: str, page: Path) -> str:
    """What the page says of itself, in its title; or what stands on its console."""
    with tempfile.TemporaryDirectory(prefix="rsm-page-") as profile:
        address = f"file://{page.resolve()}#test"
        command = [browser, *PLAIN, *QUIET, f"--user-data-dir={profile}", address]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = [line for line in ran.stderr.splitlines() if "CONSOLE" in line]
    title = re.search(r"<title>(.*?)</title>", ran.stdout, re.DOTALL)
    return "\n".join(complaints) if complaints or title is None else title[1]


def main(pages: list[str]) -> int:
    """The exit code: 0 if each page is content."""
    browser = next((name for name in NAMES if shutil.which(name)), None)
    if browser is None:
        print("SKIPPED: no Chromium here, so no page was opened (install `chromium`)", file=sys.stderr)
        return 0
    discontent = 0
    for page in pages:
        told = verdict(browser, Path(page))
        print(f"{page}: {told}")
        discontent += not told.startswith("ok ")
    return 1 if discontent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
