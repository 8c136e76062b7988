"""The demo's browser, which gives consent as a simulated member.

It opens the simulator's consent page, chooses the member, presses Allow and follows the redirect.

It speaks to the simulator alone; a real member's consent is given in a real browser.
"""

from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin
from urllib.request import ProxyHandler, build_opener

from whoop_assets.errors import WhoopError

_TIMEOUT = 30.0


class NotAConsentPage(WhoopError):
    """The page holds no form in which a member can be chosen."""


def agree(url: str, place: int) -> None:
    """Give the consent of the page's member number `place`, counted from 0."""
    browser = build_opener(ProxyHandler({}))  # the simulator is on this machine, whatever proxy is set
    with browser.open(url, timeout=_TIMEOUT) as answer:
        form = ConsentForm()
        form.feed(answer.read().decode())
        page = answer.url
    if form.member_field is None or place >= len(form.members):
        raise NotAConsentPage(f"The consent page offers no member number {place + 1}.")
    fields = {**form.fields, form.member_field: form.members[place]}
    browser.open(urljoin(page, form.action), urlencode(fields).encode(), timeout=_TIMEOUT).close()


class ConsentForm(HTMLParser):
    """The form of the simulator's consent page: target, fields and members."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.member_field: str | None = None
        self.members: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        name, value = said.get("name", ""), said.get("value", "")
        if tag == "form":
            self.action = said.get("action", "")
        elif tag == "select":
            self.member_field = name
        elif tag == "option":
            self.members.append(value)
        elif (tag == "input" and name) or (tag == "button" and value == "allow"):
            self.fields[name] = value
