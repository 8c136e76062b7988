"""Members: status, scopes and selection."""

import pytest

from whoop_assets.errors import UnknownMember
from whoop_assets.members import store as member_store
from whoop_assets_tests.support.data.factories import MEMBER, NOW

OTHER = MEMBER + 1
SCOPES = ["offline", "read:profile", "read:cycles"]
PROFILE = {"email": "ann@example.org", "first_name": "Ann", "last_name": "Example"}


def connect(connection, user_id=MEMBER, scopes=SCOPES):
    member_store.connect(connection, user_id, scopes, PROFILE, NOW)


def test_members_are_listed_by_id_without_personal_data_in_their_repr(database):
    with database.write() as connection:
        connect(connection, OTHER)
        connect(connection, MEMBER)
        listed = member_store.listed(connection)
    assert [member.user_id for member in listed] == [MEMBER, OTHER]
    assert listed[0].scopes == frozenset(SCOPES)
    assert not any(value in repr(listed) for value in PROFILE.values())


def test_without_names_all_members_except_disconnected_ones_are_chosen(database):
    with database.write() as connection:
        for user_id in (MEMBER, OTHER, OTHER + 1):
            connect(connection, user_id)
        member_store.set_status(connection, OTHER, member_store.DISCONNECTED)
        member_store.set_status(connection, OTHER + 1, member_store.RECONNECTION_NEEDED, "the grant is gone")
        assert [member.user_id for member in member_store.chosen(connection, [])] == [MEMBER, OTHER + 1]
        assert [member.user_id for member in member_store.chosen(connection, [OTHER, OTHER])] == [OTHER]
        with pytest.raises(UnknownMember, match="Member 42 is not known here"):
            member_store.chosen(connection, [MEMBER, 42])


def test_connecting_again_clears_the_status_and_replaces_the_scopes(database):
    with database.write() as connection:
        connect(connection)
        member_store.set_status(connection, MEMBER, member_store.RECONNECTION_NEEDED, "the grant is gone")
        connect(connection, scopes=[*SCOPES, "read:sleep"])
        (member,) = member_store.listed(connection)
    assert (member.status, member.status_reason) == (member_store.CONNECTED, None)
    assert "read:sleep" in member.scopes
