"""The identity: it proves a card, tells what a row grants, and names its holder to nobody."""

from __future__ import annotations

import hashlib
import itertools
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.apdu import (
    Command,
    attribute_command,
    open_command,
    parse_response,
    pseudonym_command,
    select_command,
)
from scheme.errors import RecordError
from scheme.identity import (
    Attribute,
    Identity,
    IdentityData,
    Party,
    Rights,
    identity_blocks,
)
from scheme.keys import IDENTITY_AID, PURSE_AID
from scheme.status import Sw
from tests.cards import CARD, KEYS, counting
from tests.scheme import by_hand

NIK = 3171234567890001  # of nobody: what must never be on a card
HOSPITALS, BUSES, REGISTRY = 3061, 2014, 3079
PERSON = hashlib.sha256(b"a person").digest()[:16]
PHOTO = hashlib.sha256(b"a picture").digest()
EVERYTHING = Rights(0x8F)
KNOWN = {int(sw) for sw in Sw}
VALUES = {
    Attribute.over_18: b"\x01",
    Attribute.resident_of: (3171).to_bytes(2, "big"),
    Attribute.entitled_to: b"\x07" + (20_800).to_bytes(2, "big"),
    Attribute.photo_digest: PHOTO,
}


def party(number: int, rights: Rights = EVERYTHING) -> Party:
    """Return a relying party's row."""
    return Party(
        number, rights, KEYS.party_authentication_key(number), KEYS.party_pseudonym_key(number)
    )


def data(*parties: Party, reference: bytes = PERSON) -> IdentityData:
    """Return what an identity is issued with."""
    return IdentityData(reference, True, 3171, 7, 20_800, PHOTO, parties)


def identity(*parties: Party, reference: bytes = PERSON, start: int = 1) -> Identity:
    """Return an identity that was selected."""
    card = Identity(data(*parties, reference=reference), counting(start))
    assert tell(card, select_command(IDENTITY_AID)) == (Sw.ok, b"\x01")
    return card


def tell(card: Identity, command: Command | bytes) -> tuple[int, bytes]:
    """Return status word and data of an identity's answer."""
    apdu = command if isinstance(command, bytes) else command.encode()
    response = parse_response(card.answer(apdu))
    return response.sw, response.data


class Session(NamedTuple):
    """A relying party's side, with bare CMAC."""

    card: Identity
    key: bytes

    def order(self, ins: int, p1: int) -> bytes:
        """Return S2."""
        return by_hand.mac(self.key, bytes((2, ins, p1)))

    def attribute(self, attribute: int) -> tuple[int, bytes]:
        """Read an attribute; return the status word and the value that S3 proved."""
        return self._proved(attribute_command(attribute, self.order(0x32, attribute)))

    def pseudonym(self) -> tuple[int, bytes]:
        """Ask for the pseudonym; return the status word and the value that S3 proved."""
        return self._proved(pseudonym_command(self.order(0x34, 0)))

    def _proved(self, command: Command) -> tuple[int, bytes]:
        sw, answer = tell(self.card, command)
        value, got = answer[:-8], answer[-8:]
        if sw == Sw.ok:
            assert by_hand.mac(self.key, bytes((3, command.ins, command.p1)) + value) == got
        return sw, value


def opened(card: Identity, number: int = HOSPITALS, challenge: bytes = b"RTRTRTRT") -> Session:
    """Open a party's session, and check that the card proved itself."""
    sw, answer = tell(card, open_command(number, challenge))
    assert sw == Sw.ok
    own, got = answer[:8], answer[8:]
    named = number.to_bytes(2, "big")
    key = by_hand.derived(
        KEYS.party_authentication_key(number), by_hand.IDENTITY_MAC, own + challenge + named
    )
    assert by_hand.mac(key, b"\x01" + named + challenge + own) == got
    return Session(card, key)


@pytest.mark.parametrize("attribute", Attribute)
def test_an_attribute_is_told_with_proof(attribute: Attribute) -> None:
    session = opened(identity(party(HOSPITALS)))
    assert session.attribute(attribute) == (Sw.ok, VALUES[attribute])


def test_a_session_tells_as_often_as_it_is_asked() -> None:
    session = opened(identity(party(HOSPITALS)))
    for _ in range(2):
        for attribute in Attribute:
            assert session.attribute(attribute)[0] == Sw.ok
        assert session.pseudonym()[0] == Sw.ok


@pytest.mark.parametrize("bits", range(32))
def test_a_party_learns_what_its_row_grants_and_nothing_else(bits: int) -> None:
    rights = Rights(bits & 0x0F | (bits & 0x10) << 3)
    for attribute in Attribute:
        granted = rights >> (attribute - 1) & 1
        session = opened(identity(party(HOSPITALS, rights)))
        sw, value = session.attribute(attribute)
        assert (sw, value) == ((Sw.ok, VALUES[attribute]) if granted else (Sw.not_allowed, b""))
    sw, value = opened(identity(party(HOSPITALS, rights))).pseudonym()
    assert (sw, len(value)) == ((Sw.ok, 16) if rights & 0x80 else (Sw.not_allowed, 0))


def test_a_refusal_ends_the_session() -> None:
    session = opened(identity(party(HOSPITALS, Rights.over_18)))
    assert session.attribute(Attribute.over_18)[0] == Sw.ok
    assert session.pseudonym() == (Sw.not_allowed, b"")
    assert session.attribute(Attribute.over_18) == (Sw.wrong_state, b"")


def test_a_party_knows_a_person_again_and_two_parties_cannot_compare() -> None:
    rows = (party(HOSPITALS), party(BUSES), party(REGISTRY))
    first, second = identity(*rows), identity(*rows, start=900)
    told = {}
    for number in (HOSPITALS, BUSES, REGISTRY):
        sw, name = opened(first, number).pseudonym()
        assert sw == Sw.ok
        assert opened(first, number, b"another!").pseudonym() == (Sw.ok, name)
        assert opened(second, number).pseudonym() == (Sw.ok, name), "another card of the person"
        told[number] = name
    assert len(set(told.values())) == 3
    stranger = identity(*rows, reference=bytes(16), start=40)
    for number, name in told.items():
        assert opened(stranger, number).pseudonym()[1] != name


def test_a_pseudonym_is_the_cmac_of_the_reference_under_the_partys_key() -> None:
    _, name = opened(identity(party(BUSES)), BUSES).pseudonym()
    assert name == by_hand.cmac(KEYS.party_pseudonym_key(BUSES), PERSON)


def test_no_name_number_or_reference_is_in_anything_an_identity_says() -> None:
    card = identity(party(HOSPITALS))
    said = [tell(card, select_command(IDENTITY_AID))[1]]
    said.append(tell(card, open_command(HOSPITALS, b"12345678"))[1])
    session = opened(card)
    said += [session.attribute(attribute)[1] for attribute in Attribute]
    said.append(session.pseudonym()[1])
    stored = identity_blocks(data(party(HOSPITALS)))
    for number in (NIK, CARD):
        for form in (number.to_bytes(8, "big"), number.to_bytes(7, "big"), b"%d" % number,
                     bytes.fromhex(f"{number:016d}")):  # fmt: skip
            assert not any(form in each for each in (*said, *stored))
    assert not any(PERSON in each for each in said)
    fields = {"reference", "over_18", "resident_of", "group", "group_expiry", "photo_digest"}
    assert set(IdentityData._fields) - {"parties"} == fields


def test_every_card_says_the_same_to_who_has_no_row() -> None:
    one, other = identity(party(HOSPITALS)), identity(party(BUSES), reference=bytes(16))
    for card in (one, other):
        assert tell(card, select_command(IDENTITY_AID)) == (Sw.ok, b"\x01")
        for stranger in (9_999, 0):
            sw, answer = tell(card, open_command(stranger, b"12345678"))
            assert (sw, len(answer)) == (Sw.ok, 16), "as to who has a row"
            assert tell(card, attribute_command(1, bytes(8))) == (Sw.wrong_mac, b"")


def test_a_session_of_who_has_no_row_carries_no_right() -> None:
    """Not even whoever knows the reference learns anything by it."""
    for ins, p1 in ((0x32, 1), (0x32, 4), (0x34, 0)):
        card = identity(party(HOSPITALS))
        _, answer = tell(card, open_command(BUSES, b"RTRTRTRT"))
        context = answer[:8] + b"RTRTRTRT" + BUSES.to_bytes(2, "big")
        key = by_hand.derived(PERSON, by_hand.IDENTITY_MAC, context)
        order = Session(card, key).order(ins, p1)
        assert tell(card, Command(0x80, ins, p1, 0, order)) == (Sw.not_allowed, b"")


def test_an_order_of_one_session_is_worth_nothing_in_the_next() -> None:
    card = identity(party(HOSPITALS))
    old = opened(card)
    replayed = attribute_command(Attribute.over_18, old.order(0x32, 1))
    assert tell(card, replayed)[0] == Sw.ok
    new = opened(card)
    assert tell(card, replayed) == (Sw.wrong_mac, b"")
    assert new.attribute(Attribute.over_18) == (Sw.wrong_state, b"")


def test_a_cards_proof_is_worth_nothing_for_another_challenge_or_party() -> None:
    card = identity(party(HOSPITALS), party(BUSES))
    answers = [
        tell(card, open_command(number, challenge))[1]
        for number, challenge in itertools.product((HOSPITALS, BUSES), (b"12345678", b"12345679"))
    ]
    assert len({answer[:8] for answer in answers}) == 4
    assert len({answer[8:] for answer in answers}) == 4


def test_another_partys_key_opens_nothing() -> None:
    card = identity(party(HOSPITALS), party(BUSES))
    session = opened(card, HOSPITALS)
    own = tell(card, open_command(HOSPITALS, b"RTRTRTRT"))[1][:8]
    context = own + b"RTRTRTRT" + HOSPITALS.to_bytes(2, "big")
    key = by_hand.derived(KEYS.party_authentication_key(BUSES), by_hand.IDENTITY_MAC, context)
    assert session._replace(key=key).pseudonym() == (Sw.wrong_mac, b"")


def test_the_order_for_one_attribute_reads_no_other() -> None:
    session = opened(identity(party(HOSPITALS)))
    order = session.order(0x32, Attribute.over_18)
    assert tell(session.card, attribute_command(Attribute.photo_digest, order))[0] == Sw.wrong_mac
    session = opened(session.card)
    order = session.order(0x32, Attribute.over_18)
    assert tell(session.card, pseudonym_command(order))[0] == Sw.wrong_mac


def test_no_number_of_wrong_macs_uses_an_identity_up() -> None:
    card = identity(party(HOSPITALS))
    for _ in range(300):
        opened(card)
        assert tell(card, pseudonym_command(bytes(8))) == (Sw.wrong_mac, b"")
    assert opened(card).pseudonym()[0] == Sw.ok


READ, NAME = bytes.fromhex("8032010008") + bytes(8), bytes.fromhex("8034000008") + bytes(8)
OPEN = open_command(HOSPITALS, bytes(8)).encode()


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        (b"\x84" + READ[1:], Sw.class_unknown),
        (b"\x00" + READ[1:], Sw.instruction_unknown),
        (b"\x80\x40\x01\x01", Sw.instruction_unknown),
        (b"\x80\xa4\x04\x00", Sw.instruction_unknown),
        (b"\x80\xe2\x80\x01\x01\x00", Sw.wrong_state),
        (b"\x80\x30\x01\x00" + OPEN[4:], Sw.wrong_parameters),
        (b"\x80\x30\x00\x01", Sw.wrong_parameters),
        (b"\x80\x30\x00\x00", Sw.wrong_length),
        (OPEN[:4] + b"\x09" + OPEN[5:-1], Sw.wrong_length),
        (OPEN[:4] + b"\x0b" + OPEN[5:] + b"?", Sw.wrong_length),
        (READ[:2] + b"\x00" + READ[3:], Sw.wrong_parameters),
        (READ[:2] + b"\x05" + READ[3:], Sw.wrong_parameters),
        (READ[:2] + b"\x80" + READ[3:], Sw.wrong_parameters),
        (READ[:3] + b"\x01" + READ[4:], Sw.wrong_parameters),
        (b"\x80\x32\x01\x00", Sw.wrong_length),
        (b"\x80\x32\x01\x00\x07" + bytes(7), Sw.wrong_length),
        (READ, Sw.wrong_mac),
        (NAME[:2] + b"\x01" + NAME[3:], Sw.wrong_parameters),
        (NAME[:3] + b"\x01\x01?", Sw.wrong_parameters),
        (b"\x80\x34\x00\x00\x09" + bytes(9), Sw.wrong_length),
        (NAME, Sw.wrong_mac),
        (select_command(PURSE_AID).encode(), Sw.application_unknown),
        (select_command(IDENTITY_AID + b"\x00").encode(), Sw.application_unknown),
        (select_command(IDENTITY_AID)._replace(p1=0).encode(), Sw.wrong_parameters),
    ],
)
def test_a_command_that_may_not_be_gets_its_status_word_and_ends_the_session(
    apdu: bytes, sw: Sw
) -> None:
    card = identity(party(HOSPITALS))
    session = opened(card)
    assert tell(card, apdu) == (sw, b"")
    assert session.pseudonym() == (Sw.wrong_state, b"")


@pytest.mark.parametrize("apdu", [OPEN, READ, NAME, b"\x80\x32\xff\xff", b"\x80\x30\x01\x01"])
def test_nothing_is_answered_before_select_or_after_power_was_lost(apdu: bytes) -> None:
    never = Identity(data(party(HOSPITALS)), counting())
    assert tell(never, apdu) == (Sw.wrong_state, b"")
    lost = identity(party(HOSPITALS))
    opened(lost)
    lost.reset()
    assert tell(lost, apdu) == (Sw.wrong_state, b"")
    unselected = identity(party(HOSPITALS))
    tell(unselected, select_command(PURSE_AID))
    assert tell(unselected, apdu) == (Sw.wrong_state, b"")


@pytest.mark.parametrize("apdu", [READ, NAME])
def test_without_a_session_nothing_is_told(apdu: bytes) -> None:
    card = identity(party(HOSPITALS))
    assert tell(card, apdu) == (Sw.wrong_state, b"")
    opened(card)
    tell(card, select_command(IDENTITY_AID))
    assert tell(card, apdu) == (Sw.wrong_state, b"")


def test_what_is_no_command_leaves_the_session() -> None:
    session = opened(identity(party(HOSPITALS)))
    for apdu in (b"", b"\x80\x32", READ[:-1], READ + b"??"):
        assert tell(session.card, apdu) == (Sw.wrong_length, b"")
    assert session.pseudonym()[0] == Sw.ok


def test_an_identity_that_was_never_issued_answers_nothing() -> None:
    card = Identity(None, counting())
    assert tell(card, b"\x80\xe2\x00\x00") == (Sw.wrong_parameters, b"")
    for apdu in (select_command(IDENTITY_AID).encode(), OPEN, READ, NAME):
        assert tell(card, apdu) == (Sw.wrong_state, b"")
    assert tell(card, b"\x80\x40\x00\x00") == (Sw.instruction_unknown, b"")


@given(st.lists(st.one_of(
    st.binary(max_size=40),
    st.builds(lambda ins, rest: bytes((0x80, ins)) + rest,
              st.sampled_from([0x30, 0x32, 0x34, 0xE2]), st.binary(max_size=20)),
), max_size=6))  # fmt: skip
def test_no_bytes_break_an_identity_or_have_it_tell_anything(apdus: list[bytes]) -> None:
    card = identity(party(HOSPITALS))
    opened(card)
    for apdu in apdus:
        sw, said = tell(card, apdu)
        assert sw in KNOWN
        assert len(said) in (0, 1, 16), "nothing, SELECT's byte, or RC and S1"


def test_an_identity_issued_by_its_blocks_is_the_one_made_of_its_data() -> None:
    held = data(party(HOSPITALS, Rights.over_18), party(BUSES))
    card = Identity(None, counting())
    for apdu in identity_blocks(held):
        assert tell(card, select_command(IDENTITY_AID)) == (Sw.wrong_state, b"")
        card.reset()
        assert tell(card, apdu) == (Sw.ok, b"")
    assert card.data == held
    assert tell(card, select_command(IDENTITY_AID)) == (Sw.ok, b"\x01")
    assert opened(card, BUSES).attribute(Attribute.photo_digest) == (Sw.ok, PHOTO)
    assert tell(card, identity_blocks(data())[0]) == (Sw.wrong_state, b"")


def test_the_first_of_two_rows_of_one_party_counts() -> None:
    card = Identity(None, counting())
    first, *rows = identity_blocks(data(party(HOSPITALS, Rights.over_18), party(BUSES)))
    twice = rows[0][:3] + b"\x09" + rows[0][4:7] + b"\x8f" + rows[0][8:]
    for apdu in (twice, rows[0], first[:2] + b"\x80" + first[3:]):
        assert tell(card, apdu) == (Sw.ok, b"")
    tell(card, select_command(IDENTITY_AID))
    assert opened(card).attribute(Attribute.photo_digest) == (Sw.not_allowed, b"")


def test_blocks_carry_what_an_identity_holds() -> None:
    first, second = identity_blocks(data(party(HOSPITALS, Rights.over_18)))
    expected = PERSON + b"\x01" + bytes.fromhex("0c63075140") + PHOTO
    assert first == bytes.fromhex("80e2000136") + expected
    row = bytes.fromhex("0bf501")
    keys = KEYS.party_authentication_key(HOSPITALS) + KEYS.party_pseudonym_key(HOSPITALS)
    assert second == bytes.fromhex("80e2800223") + row + keys
    (alone,) = identity_blocks(data())
    assert alone[:5] == bytes.fromhex("80e2800136")
    assert len(identity_blocks(data(*map(party, range(1, 9))))) == 9


@pytest.mark.parametrize(
    "wrong",
    [
        data(*map(party, range(1, 10))),
        data(party(HOSPITALS), party(HOSPITALS)),
        data(party(0)),
        data(party(65_536)),
        data(party(BUSES)._replace(pseudonym_key=bytes(15))),
        data(reference=bytes(15)),
        data(reference=bytes(17)),
        data()._replace(group=256),
    ],
)
def test_data_that_no_identity_can_hold_are_refused(wrong: IdentityData) -> None:
    with pytest.raises(RecordError):
        identity_blocks(wrong)
