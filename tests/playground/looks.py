"""How a page looks to different people, and what has to be so for all of them."""

from typing import Any

from axe_playwright_python.async_playwright import Axe

from tests.support.browser import Visit

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 720}, "is_mobile": True, "has_touch": True},
    "phone, dark": {"viewport": {"width": 360, "height": 720}, "color_scheme": "dark"},
    "high contrast": {"forced_colors": "active"},
}


async def passes(here: Visit) -> None:
    """Axe finds nothing that is serious or critical, and nothing is wider than the page."""
    found = await Axe().run(here.page)
    bad = [
        (rule["id"], node["target"], node["failureSummary"])
        for rule in found.response["violations"]
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]
    assert bad == []
    width, room = await here.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= room


async def reach(here: Visit, selector: str, key: str = "Tab") -> None:
    """Go on with the keyboard until something has the focus, which can be seen."""
    for _ in range(60):
        if await here.page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            seen = "getComputedStyle(document.activeElement)"
            assert await here.page.evaluate(f"{seen}.outlineStyle !== 'none' || {seen}.boxShadow !== 'none'")
            return
        await here.page.keyboard.press(key)
    raise AssertionError(selector)
