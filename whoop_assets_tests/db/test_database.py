"""Database URLs, errors and transactions."""

import socket
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text

from whoop_assets.db.database import Database, normalise_url
from whoop_assets.errors import ConfigurationError, DatabaseError, DatabaseUnreachable
from whoop_assets.request_budget.tables import request_gate
from whoop_assets.schema import prepare


@pytest.mark.parametrize(
    "spelling",
    ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg"],
)
def test_every_spelling_of_postgresql_uses_psycopg2(spelling):
    url = normalise_url(f"{spelling}://ann:s3cret@db.example:5433/whoop?sslmode=require")
    assert url.drivername == "postgresql+psycopg2"
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "ann", "s3cret", "db.example", 5433, "whoop",
    )  # fmt: skip
    assert url.query == {"sslmode": "require"}


@pytest.mark.parametrize("spelling", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_connects(postgres_url, spelling):
    database = Database(postgres_url.replace("postgresql+psycopg2", spelling))
    with database.read() as connection:
        assert connection.scalar(text("select 1")) == 1
    database.close()


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "whoop.db",
        "mysql://ann:s3cret@db.example/whoop",
        "http://db.example",
        "postgresql://ann:s3cret@db.example:port/whoop",
    ],
)
def test_an_invalid_url_is_an_error_without_its_password(wrong):
    with pytest.raises(ConfigurationError) as error:
        Database(wrong)
    assert "WHOOP_DATABASE_URL" in str(error.value)
    assert "s3cret" not in str(error.value)


def test_an_unreachable_server_is_one_sentence_without_credentials():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening, so that no other program takes the port
        port = unused.getsockname()[1]
        database = Database(f"postgresql://ann:s3cret@127.0.0.1:{port}/whoop")
        with pytest.raises(DatabaseUnreachable) as error, database.read():
            pass
    message = str(error.value)
    assert message.startswith(f"The database postgresql://127.0.0.1:{port}/whoop does not answer")
    assert "WHOOP_DATABASE_URL" in message
    assert "\n" not in message
    assert "ann" not in message
    assert "s3cret" not in message
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_a_file_that_is_not_a_database_is_one_sentence(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, but longer than a file header\n" * 20)
    with pytest.raises(DatabaseUnreachable) as error:
        prepare(Database(f"sqlite:///{tmp_path}/notes.txt"))
    assert "notes.txt" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_that_cannot_be_created_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError) as error:
        Database(f"sqlite:///{tmp_path}/file/whoop.db")
    assert "WHOOP_DATABASE_URL" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_folder_of_a_sqlite_file_is_created(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/a/b/whoop.db")
    with database.read() as connection:
        assert connection.scalar(text("select 1")) == 1
    database.close()


def test_a_read_transaction_sees_one_state(database):
    gate = request_gate.c.not_before
    with database.write() as connection:
        connection.execute(insert(request_gate), {"id": 1, "not_before": database.clock.now()})
    with database.read() as reader:
        before = reader.scalar(select(gate))
        with database.write() as writer:
            writer.execute(request_gate.update().values(not_before=datetime(2030, 1, 1, tzinfo=UTC)))
        assert reader.scalar(select(gate)) == before
    with database.read() as reader:
        assert reader.scalar(select(gate)) == datetime(2030, 1, 1, tzinfo=UTC)


def test_a_failed_write_transaction_is_rolled_back(database):
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(request_gate), {"id": 1, "not_before": database.clock.now()})
        raise ZeroDivisionError
    with database.read() as connection:
        assert connection.execute(select(request_gate)).all() == []


def test_a_wait_for_a_lock_is_limited(postgres_url):
    lock_timeout = text("show lock_timeout")
    database = Database(postgres_url)
    with database.write([1]) as holder:
        assert holder.scalar(lock_timeout) == "1min"
        hurried = Database(f"{postgres_url}&options=-clock_timeout%3D20ms")
        with hurried.write() as connection:
            assert connection.scalar(lock_timeout) == "20ms"
        with (
            pytest.raises(DatabaseUnreachable, match=r"55P03.*nothing else locks it"),
            hurried.write([1]),
        ):
            pass
        hurried.close()
    with database.read() as connection:
        assert connection.scalar(lock_timeout) == "0"
    database.close()


def test_a_server_that_no_longer_answers_is_detected_unless_the_url_says_otherwise(postgres_url):
    for url, interval in ((postgres_url, "10"), (f"{postgres_url}&keepalives_interval=7", "7")):
        database = Database(url)
        with database.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver.info.dsn_parameters["keepalives_interval"] == interval
            assert driver.info.dsn_parameters["tcp_user_timeout"] == "60000"
        database.close()


def test_times_are_returned_in_utc(database):
    moment = datetime.fromisoformat("2026-03-29T02:30:00.123456+05:30")
    with database.write() as connection:
        connection.execute(insert(request_gate), {"id": 1, "not_before": moment})
    with database.read() as connection:
        stored = connection.scalar(select(request_gate.c.not_before))
    assert stored == moment
    assert stored.tzinfo is UTC


def test_a_time_without_a_time_zone_is_an_error(database):
    with pytest.raises(Exception, match="without a zone"), database.write() as connection:
        connection.execute(insert(request_gate), {"id": 1, "not_before": datetime(2026, 1, 1)})


def test_a_read_only_server_is_a_transient_error(postgres_url):
    database = Database(postgres_url)
    with pytest.raises(DatabaseUnreachable, match="25006") as error, database.write() as connection:
        connection.execute(text("set transaction read only"))
        connection.execute(text("delete from tokens"))
    assert error.value.transient
    with pytest.raises(DatabaseError, match="fault of whoop-assets") as error, database.write() as connection:
        connection.execute(text("delete from nothing_like_it"))
    assert not error.value.transient
    database.close()
