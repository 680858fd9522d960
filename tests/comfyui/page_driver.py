"""Drives ComfyUI's page in Chromium. Run by test_page.py with ComfyUI's Python, which has playwright:

    page_driver.py SCENARIO URL FOLDER [JSON]

prints what it has seen as one line of JSON; screenshots go into FOLDER. What it ought to see is test_page.py's.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from page_looks import languages, looks, opening, settings
from page_painting import blueprints, fresh, keyboard, picture
from page_session import Session
from page_trouble import hub, licence, node_errors, upload
from playwright.sync_api import sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
EVERY = (picture, fresh, keyboard, blueprints, opening, looks, settings, languages, upload, hub, licence, node_errors)
SCENARIOS = {one.__name__: one for one in EVERY}


def main(scenario: str, url: str, folder: str, values: str = "{}") -> None:
    parsed = json.loads(values)
    if scenario == "hub":  # the test's Hub is steered through two files
        control = Path(parsed["control"])
        parsed["asked"] = lambda: int(control.with_suffix(".count").read_text(encoding="utf-8") or 0)

        def stop() -> None:
            control.touch()
            while control.exists():
                time.sleep(0.05)

        parsed["stop"] = stop
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        session = Session(browser.new_page(viewport={"width": 1500, "height": 950}), url, Path(folder))
        try:
            seen = SCENARIOS[scenario](session, parsed)
        except BaseException:
            session.shot(f"failed-{scenario}")
            sys.stderr.write(f"toasts: {session.toasts()}\ncomplaints: {session.complaints[-20:]}\n")
            raise
        finally:
            ours = session.ours()
            browser.close()
    sys.stdout.write("\n" + json.dumps({**seen, "complaints": ours}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
