"""Alerts about failed runs, by HTTP and e-mail.

An alert contains ids and one sentence, no data, names or secrets. A failure to send it is logged.
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
TIMEOUT_SECONDS = 10.0
SMTP_PORT, SMTPS_PORT = 587, 465


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert: job, run, sentence, and the day of a run for one day."""

    job: str
    run_id: str
    sentence: str
    day: str | None = None


def send(alert: Alert, settings: Settings) -> list[str]:
    """Send the alert to each configured address. Returns one sentence for each failure."""
    ways: list[tuple[str, Callable[[Alert, Settings], None]]] = []
    if settings.alert_url.get_secret_value():
        ways.append(("WHOOP_ALERT_URL", _post))
    if settings.alert_smtp_url.get_secret_value():
        ways.append(("WHOOP_ALERT_SMTP_URL", _mail))
    problems = []
    for name, way in ways:
        try:
            way(alert, settings)
        except Exception as error:  # noqa: BLE001 - a failed alert must not break the sensor
            # Only the type: the text of such an error can contain the address and a password.
            problems.append(
                f"The alert about run {alert.run_id} could not be sent to {name} ({type(error).__name__}):"
                " check the setting and the receiver."
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
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
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
            host, parts.port or SMTPS_PORT, timeout=TIMEOUT_SECONDS, context=context
        )
    else:
        server = smtplib.SMTP(host, parts.port or SMTP_PORT, timeout=TIMEOUT_SECONDS)
    with server:
        if parts.username is not None:
            if parts.scheme == "smtp":
                # Never send a password unencrypted.
                server.starttls(context=context)
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)
