"""Alerts by HTTP and e-mail, and the sensor that sends them for failed runs."""

import email
import socketserver
import threading

import dagster as dg
import pytest

from whoop_assets.defs.alerts import Alert, send
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.failures import failed_runs
from whoop_assets.errors import ConfigurationError
from whoop_assets.settings import Settings

ALERT = Alert("refresh", "0123456789ab", "Run 0123456789ab of refresh failed.", "2026-11-21")


@pytest.fixture
def mailbox():
    """A minimal SMTP server; yields its URL and the list of received messages."""
    messages = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 here\r\n")
            data = None
            for line in self.rfile:
                if data is not None:
                    if line == b".\r\n":
                        messages.append(email.message_from_bytes(b"".join(data)))
                        data = None
                        self.wfile.write(b"250 accepted\r\n")
                    else:
                        data.append(line)
                elif line.upper().startswith(b"DATA"):
                    data = []
                    self.wfile.write(b"354 send data\r\n")
                elif line.upper().startswith(b"QUIT"):
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 fine\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"smtp://127.0.0.1:{server.server_address[1]}", messages
    server.shutdown()
    server.server_close()


def test_without_settings_no_alert_is_sent():
    assert send(ALERT, Settings()) == []


def test_an_alert_is_posted_as_json(listener):
    url, posted = listener
    assert send(ALERT, Settings(alert_url=url)) == []
    assert posted == [
        {
            "text": ALERT.sentence,
            "job": "refresh",
            "run_id": "0123456789ab",
            "sentence": ALERT.sentence,
            "day": "2026-11-21",
        }
    ]


def test_an_alert_is_sent_by_e_mail(mailbox):
    url, messages = mailbox
    settings = Settings(
        alert_smtp_url=url, alert_from="whoop@example.org", alert_to="a@example.org, b@example.org"
    )
    assert send(ALERT, settings) == []
    (message,) = messages
    assert message["To"] == "a@example.org, b@example.org"
    assert ALERT.sentence in message.get_payload()


def test_a_failed_channel_is_reported_without_its_url_and_does_not_affect_the_other(
    listener, mailbox, caplog
):
    url, _ = listener
    smtp_url, messages = mailbox
    broken = url.replace("127.0.0.1", "user:pass-word@127.0.0.1") + "/broken"
    settings = Settings(
        alert_url=broken, alert_smtp_url=smtp_url, alert_from="a@example.org", alert_to="b@example.org"
    )
    (problem,) = send(ALERT, settings)
    assert "WHOOP_ALERT_URL" in problem
    assert "pass-word" not in problem + caplog.text
    assert len(messages) == 1


def test_a_password_is_not_sent_without_encryption(mailbox):
    url, messages = mailbox
    settings = Settings(
        alert_smtp_url=url.replace("//", "//user:pass-word@"),
        alert_from="a@example.org",
        alert_to="b@example.org",
    )
    (problem,) = send(ALERT, settings)
    assert "pass-word" not in problem
    assert messages == []


@pytest.mark.parametrize(
    "settings",
    [
        {"WHOOP_ALERT_URL": "file:///etc/passwd"},
        {"WHOOP_ALERT_URL": "https:///no-host"},
        {"WHOOP_ALERT_SMTP_URL": "https://mail.example.org", "WHOOP_ALERT_FROM": "a", "WHOOP_ALERT_TO": "b"},
        {"WHOOP_ALERT_SMTP_URL": "smtp://user:pass-word@mail.example.org", "WHOOP_ALERT_TO": "b"},
    ],
)
def test_invalid_settings_are_rejected_without_quoting_them(settings):
    with pytest.raises(ConfigurationError) as error:
        Settings.from_environment(settings)
    assert "WHOOP_ALERT" in str(error.value)
    assert not any(value in str(error.value) for value in settings.values() if len(value) > 1)
    assert "pass-word" not in str(error.value) + repr(error.value)


# The sensor

SENSOR = failed_runs(AssetNamespace(), WhoopResource())


@dg.op
def raise_error():
    raise RuntimeError("a secret in a traceback")


@dg.job(name="keep_tokens")
def failing_job():
    raise_error()


@pytest.fixture(scope="module")
def instance():
    with dg.instance_for_test() as made:
        yield made


def failure_context(instance, tags):
    result = failing_job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    run = instance.get_run_by_id(result.run_id)
    event = next(entry for entry in result.all_events if entry.is_failure and not entry.is_step_event)
    return dg.build_run_status_sensor_context(
        sensor_name="failed_runs",
        dagster_instance=instance,
        dagster_run=run,
        dagster_event=event,
        partition_key="2026-11-21",
    ).for_run_failure()


@pytest.mark.parametrize(
    ("tags", "sent"),
    [
        ({}, True),
        ({"dagster/will_retry": "true"}, False),
        ({"whoop/lane": "webhook", "whoop/attempt": "1"}, True),
        ({"whoop/lane": "webhook", "whoop/attempt": "2"}, False),
        ({"whoop/sink": "notion", "whoop/attempt": "1"}, True),
        ({"whoop/sink": "notion", "whoop/attempt": "2"}, False),
        ({"whoop/lane": "schedule"}, True),
    ],
)
def test_a_failed_run_sends_an_alert_unless_it_is_retried(monkeypatch, listener, instance, tags, sent):
    url, posted = listener
    monkeypatch.setenv("WHOOP_ALERT_URL", url)
    SENSOR(failure_context(instance, tags))
    if not sent:
        assert posted == []
        return
    (alert,) = posted
    assert alert["job"] == "keep_tokens"
    assert alert["run_id"] in alert["text"]
    assert "raise_error" in alert["text"]
    assert "secret" not in repr(alert)


def test_invalid_alert_settings_do_not_fail_the_sensor(monkeypatch, instance):
    monkeypatch.setenv("WHOOP_ALERT_URL", "nonsense")
    SENSOR(failure_context(instance, {}))
