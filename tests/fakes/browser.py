"""A headless Chromium, spoken to over its DevTools protocol: opens pages, clicks, types, and keeps what went wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from broker.clock import SystemClock

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
TRUE_WITHIN_S = 20.0
CLOCK = SystemClock()
_LISTENS = "DevTools listening on "
_MIDDLE = """(() => {
  const element = document.querySelector(%s);
  element.scrollIntoView({block: 'center'});
  const box = element.getBoundingClientRect();
  return {x: box.x + box.width / 2, y: box.y + box.height / 2};
})()"""
_UNTIL = """new Promise((done) => {
  const look = () => { try { if (%s) { done(true); return; } } catch {} setTimeout(look, 20); };
  look();
})"""


class Browser:
    """One page of a browser. ``troubles`` are errors of scripts, of the console, and of what could not be loaded."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, base_url: str) -> None:
        self._socket = socket
        self._base_url = base_url
        self._number = 0
        self._loads = 0
        self.troubles: list[str] = []

    async def begin(self) -> None:
        """Ask for what is to be told of."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._call(f"{domain}.enable")

    async def look(self, *, width: int, dark: bool) -> None:
        """Be as wide as a desktop or a phone, and light or dark."""
        await self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self._call("Emulation.setEmulatedMedia", features=[scheme])

    async def open(self, path: str) -> None:
        """Go to a page, and return when it is loaded."""
        loads = self._loads
        await self._call("Page.navigate", url=self._base_url + path)
        await self._loaded(loads)

    async def click(self, selector: str, *, loads: bool = True) -> None:
        """Click what a CSS selector names; with ``loads`` return when the next page is loaded."""
        before = self._loads
        spot = await self.value(_MIDDLE % json.dumps(selector))
        for kind in ("mousePressed", "mouseReleased"):
            await self._call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **spot)
        if loads:
            await self._loaded(before)

    async def type(self, selector: str, text: str) -> None:
        """Put text into a field, as a keyboard does, in place of what stands there."""
        await self.value(f"document.querySelector({json.dumps(selector)}).select()")
        await self._call("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        """Press a key, such as Tab."""
        for kind in ("keyDown", "keyUp"):
            await self._call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=9)

    async def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to."""
        told = await self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise AssertionError(f"{expression}: {told['exceptionDetails']['exception'].get('description')}")
        return told["result"].get("value")

    async def until(self, condition: str) -> None:
        """Return once a JavaScript condition is true."""
        async with CLOCK.timeout(TRUE_WITHIN_S):
            await self.value(_UNTIL % condition)

    async def text(self) -> str:
        """What a reader sees of the page."""
        return str(await self.value("document.querySelector('main').innerText"))

    async def take_picture(self, *, width: int, height: int) -> bytes:
        """The page from its top on, as a PNG file."""
        await self.value("document.documentElement.style.scrollbarWidth = 'none'")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        told = await self._call("Page.captureScreenshot", format="png", clip=clip)
        return base64.b64decode(told["data"])

    async def _loaded(self, before: int) -> None:
        async with CLOCK.timeout(TRUE_WITHIN_S):
            while self._loads == before:
                self._take(json.loads(await self._socket.receive_str()))

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        number = self._number
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            told = json.loads(await self._socket.receive_str())
            if told.get("id") == number:
                if "error" in told:
                    raise AssertionError(f"{method}: {told['error']}")
                return dict(told["result"])
            self._take(told)
            if told.get("method") == "Page.javascriptDialogOpening":
                await self._socket.send_json(
                    {"id": -1, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
                )

    def _take(self, told: dict[str, Any]) -> None:
        said = told.get("params", {})
        match told.get("method"):
            case "Page.loadEventFired":
                self._loads += 1
            case "Runtime.exceptionThrown":
                self.troubles.append(json.dumps(said["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if said["type"] in ("error", "warning", "assert"):
                self.troubles.append(json.dumps(said["args"]))
            case "Log.entryAdded" if said["entry"]["level"] == "error":
                self.troubles.append(json.dumps(said["entry"]))


@asynccontextmanager
async def a_browser(program: str, base_url: str) -> AsyncIterator[Browser]:
    """A browser with nothing remembered, at ``base_url``."""
    folder = Path(tempfile.mkdtemp(prefix="ams-bridge-browser-"))
    process = await asyncio.create_subprocess_exec(
        program,
        *FLAGS,
        f"--user-data-dir={folder}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with aiohttp.ClientSession() as http:
            address = await _page_address(process, http)
            async with http.ws_connect(address, max_msg_size=0) as socket:
                browser = Browser(socket, base_url)
                await browser.begin()
                yield browser
    finally:
        process.terminate()
        await process.communicate()
        shutil.rmtree(folder, ignore_errors=True)


async def _page_address(process: asyncio.subprocess.Process, http: aiohttp.ClientSession) -> str:
    assert process.stderr is not None
    said = b""
    async for line in process.stderr:
        said += line
        if _LISTENS in line.decode(errors="replace"):
            port = line.decode().partition(_LISTENS)[2].split(":")[2].partition("/")[0]
            async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [one for one in await answer.json() if one["type"] == "page"]
            return str(pages[0]["webSocketDebuggerUrl"])
    raise AssertionError(f"the browser did not start: {said.decode(errors='replace')[-2000:]}")
