"""A ComfyUI page in Chromium, as the scenarios of page_driver.py use it."""

from __future__ import annotations

import re
import time
from pathlib import Path

from playwright.sync_api import Locator, Page

READY_MS, PAINT_MS = 120_000, 90_000
READY = "window.app && window.app.graph && window.app.extensionManager && window.LiteGraph"


class Session:
    """One page, and what it complained of."""

    def __init__(self, page: Page, url: str, folder: Path) -> None:
        self.page, self.url, self.folder = page, url, folder
        self.complaints: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"{error}\n{error.stack}"))
        page.set_default_timeout(PAINT_MS)
        # else the first visit begins with a dialog over everything
        page.request.post(f"{url}/settings/Comfy.TutorialCompleted", data="true")
        self.reload()

    def _console(self, message) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} @ {message.location.get('url', '')}")

    def ours(self) -> list[str]:
        """Complaints that name us: our files, our routes, our words."""
        return [text for text in self.complaints if "brushwork" in text.lower()]

    def reload(self) -> None:
        self.page.goto(self.url)
        self.page.wait_for_function(READY, timeout=READY_MS)
        self.page.wait_for_function("app.extensionManager.getSidebarTabs().some(t => t.id === 'brushwork-styles')")
        self.page.wait_for_timeout(1500)  # the default workflow comes late and would land on top of ours

    def shot(self, name: str) -> None:
        self.page.screenshot(path=self.folder / f"{name}.png")

    def set(self, setting: str, value: object) -> None:
        self.page.evaluate("([id, value]) => app.extensionManager.setting.set(id, value)", [setting, value])

    def get(self, setting: str) -> object:
        return self.page.evaluate("id => app.extensionManager.setting.get(id)", setting)

    def open_styles(self) -> None:
        self.page.keyboard.press("Alt+b")
        self.page.wait_for_selector(".bw-browser .bw-card")

    def toasts(self) -> list[str]:
        return [text.strip() for text in self.page.locator(".p-toast-message").all_inner_texts()]

    def wait_for_toast(self, contains: str = "") -> str:
        self.page.locator(".p-toast-message", has_text=contains).first.wait_for()
        return next(text for text in self.toasts() if contains in text)

    def wait_for_nodes(self, *types: str) -> None:
        """Until there is a node of each type; the toast that says so may be gone on a busy machine."""
        self.page.wait_for_function("types => types.every(t => app.graph.nodes.some(n => n.type === t))", arg=types)

    def close_toasts(self) -> None:
        self.page.evaluate("app.extensionManager.toast.removeAll()")
        self.page.wait_for_timeout(400)

    def disk(self, *, full: bool) -> None:
        """Let the server's disk be full, or not; see probe/."""
        assert self.page.request.post(f"{self.url}/brushwork_probe/disk", data={"full": full}).ok

    def card(self, title: str) -> Locator:
        return self.page.locator(".bw-browser").get_by_role("option", name=title).first

    def preview(self) -> None:
        """Wait until the picture in the lower half is painted and nothing is under way."""
        self.page.wait_for_selector(".bw-detail .bw-painted")
        self.page.wait_for_selector(".bw-frame:not(.bw-busy)")

    def nodes(self) -> dict[str, dict]:
        """Type → widgets by name, of the graph as it would be queued."""
        prompt = self.page.evaluate("async () => (await app.graphToPrompt()).output")
        return {node["class_type"]: node["inputs"] for node in prompt.values()}

    def run(self) -> dict:
        """Press the button; the history entry of the finished prompt."""
        known = set(self.page.evaluate("async () => Object.keys(await (await fetch('/history')).json())"))
        self.page.locator("[data-testid=queue-button]").first.click()
        deadline = time.monotonic() + PAINT_MS / 1000
        while time.monotonic() < deadline:
            history = self.page.evaluate("async () => await (await fetch('/history')).json()")
            for name, entry in history.items():
                if name not in known and entry["status"]["completed"]:
                    return entry
            self.page.wait_for_timeout(200)
        raise TimeoutError("the prompt did not end")

    def template(self, name: str) -> None:
        """Open an example workflow as a user does."""
        self.page.evaluate("app.extensionManager.command.execute('Comfy.BrowseTemplates')")
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_text(re.compile("brushwork", re.IGNORECASE)).first.click()
        card = dialog.get_by_test_id(f"template-workflow-{name}")
        card.wait_for()
        self.page.wait_for_timeout(800)  # its pictures
        self.shot("templates")
        card.click()
        dialog.wait_for(state="detached")
        self.page.wait_for_function("app.graph.nodes.some(n => n.type.startsWith('Brushwork'))")
