"""Alerts: a failed run is told to whoever is to know, by HTTP and by e-mail, as far as that is configured.

An alert holds ids and one sentence: no data, no name, no secret. That one cannot be sent is logged and breaks nothing.
"""

import json
import logging
import smtplib
import ssl
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from whoop_assets.settings import Settings

log = logging.getLogger(__name__)
TIMEOUT = 10.0
SMTP_PORT, SMTPS_PORT = 587, 465


@dataclass(frozen=True, slots=True)
class Alert:
    """What happened: the job and the run it happened to, the day if it was one day's, and a sentence."""

    job: str
    run_id: str
    sentence: str
    day: str | None = None


def send(alert: Alert, settings: Settings) -> list[str]:
    """Send the alert wherever the settings say; returns one sentence for each way that did not work."""
    ways: list[tuple[str, Callable[[Alert, Settings], None]]] = []
    if settings.alert_url.get_secret_value():
        ways.append(("WHOOP_ALERT_URL", _post))
    if settings.alert_smtp_url.get_secret_value():
        ways.append(("WHOOP_ALERT_SMTP_URL", _mail))
    problems = []
    for name, way in ways:
        try:
            way(alert, settings)
        except Exception as error:  # noqa: BLE001 - an alert is the last thing that may break anything
            # The kind alone: the text of such an error can quote the address, and with it a password.
            problems.append(
                f"The alert about run {alert.run_id} could not be sent to {name} ({type(error).__name__}): check that"
                " setting and who listens there."
            )
            log.warning(problems[-1])
    return problems


def _post(alert: Alert, settings: Settings) -> None:
    request = urllib.request.Request(
        settings.alert_url.get_secret_value(),
        # `text` is what chat services show.
        json.dumps({"text": alert.sentence} | asdict(alert)).encode(),
        {"Content-Type": "application/json", "User-Agent": "whoop-assets"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT):
        pass


def _mail(alert: Alert, settings: Settings) -> None:
    message = EmailMessage()
    message["From"], message["To"] = settings.alert_from, settings.alert_to
    message["Subject"] = f"whoop-assets: run {alert.run_id[:8]} of {alert.job} failed"
    message.set_content("\n".join(f"{name}: {value}" for name, value in asdict(alert).items() if value))
    parts = urlsplit(settings.alert_smtp_url.get_secret_value())
    host = parts.hostname or ""
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, parts.port or SMTPS_PORT, timeout=TIMEOUT, context=context
        )
    else:
        server = smtplib.SMTP(host, parts.port or SMTP_PORT, timeout=TIMEOUT)
    with server:
        if parts.username is not None:
            if parts.scheme == "smtp":
                # A password never goes out in the clear.
                server.starttls(context=context)
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)
