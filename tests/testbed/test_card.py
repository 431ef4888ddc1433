"""`jakarta-one card` as a person or a script meets it: cards, key files, and each mistake."""

from __future__ import annotations

import datetime as dt
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from hil.cardfile import card_document, read_card_file
from hil.exchange import Exchange
from hil.harness import JavaCard, Kind, shared_harness
from hil.issuing import issue as issued_card
from hil.keyfile import keys_of_seed
from hil.own_card import own_card_data
from hil.reader import Card
from hil.vicc import VirtualCard
from hil.vpcd_wire import HOST
from scenarios.shipped import data_folder
from scheme.errors import BadInputError, PurseRefusedError
from scheme.personalisation import CardData
from scheme.records import OpenLeg
from scheme.transit_state import Parking, Transit
from testbed.card_build import compile_arguments, convert_arguments, find_sdk
from testbed.card_issue import Wanted, bare_url, card_data, check_issued, holder_of, issue
from testbed.card_profile import later, read_profile
from testbed.card_read import Desk
from tests.testbed.test_cli import jakarta_one

DAY = dt.date(2026, 8, 31)
ON = ("--issued", "2026-08-31")


def told(*words: str, cwd: Path, code: int = 0) -> dict[str, Any]:
    """Return what a command that succeeds prints as JSON."""
    ran = jakarta_one("card", *words, "--json", cwd=cwd)
    assert ran.returncode == code, ran.stderr
    document: dict[str, Any] = json.loads(ran.stdout)
    return document


def refused(*words: str, cwd: Path, code: int = 2) -> str:
    """Return the one line of a command that fails, which leaves no file behind."""
    before = sorted(cwd.iterdir())
    ran: subprocess.CompletedProcess[str] = jakarta_one("card", *words, cwd=cwd)
    assert ran.returncode == code, (ran.stdout, ran.stderr)
    assert not ran.stdout
    assert "Traceback" not in ran.stderr
    assert sorted(cwd.iterdir()) == before, "nothing half-written"
    return ran.stderr.splitlines()[-1]


def wanted(**changes: Any) -> Wanted:
    """Return a plain card with the changes named."""
    plain: dict[str, Any] = {"bank": "Bank DKI", "profile": "kjp", "card": 7, "issued": DAY}
    return Wanted(**plain | changes)


class Field:
    """A reader whose card is what somebody put there: no program can change it."""

    url = "replay://nothing"

    def __init__(self, card: Card) -> None:
        self._card = card

    def open(self) -> None:
        """Have nothing to do."""

    def close(self) -> None:
        """Have nothing to do."""

    def field_off(self) -> None:
        """Reset the card."""
        self._card.reset()

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer."""
        return Exchange(self._card.answer(apdu), 0, 0)


# --- issue


def test_an_issued_card_says_what_it_was_issued_with_and_its_file_opens_it_again(
    tmp_path: Path,
) -> None:
    words = ("--bank", "BRI", "--profile", "kjp", "--card", "7", "--balance", "50000", *ON)
    aid = ("--routine", "135000", "--periodic", "115000", "--seed", "3", "--out", "card.json")
    issued = told("issue", "model://", *words, *aid, cwd=tmp_path)
    assert (issued["bank"], issued["class"], issued["active"]) == ("BRI (1032)", "registered", True)
    assert (issued["balance_idr"], issued["routine_idr"], issued["periodic_idr"]) == (
        50_000, 135_000, 115_000,
    )  # fmt: skip
    assert (issued["expiry"], issued["group"], issued["group_expiry"]) == (
        "2029-08-31", 3, "2027-02-28",
    )  # fmt: skip
    assert issued["identity"]
    again = told("read", "model://card.json", "--seed", "3", cwd=tmp_path)
    same = set(issued) - {"file", "proven_by", "log"}
    assert {name: issued[name] for name in same} == {name: again[name] for name in same}
    assert again["proven_by"] == "test keys of seed 3"


def test_a_card_file_holds_no_key(tmp_path: Path) -> None:
    told("issue", "model://", "--profile", "registered", "--out", "card.json", cwd=tmp_path)
    text = (tmp_path / "card.json").read_text(encoding="utf-8")
    data = read_card_file(tmp_path / "card.json")
    assert data.identity is not None
    secrets = [*data.keys, *(row.authentication_key for row in data.identity.parties)]
    assert len(secrets) > len(data.keys), "an identity has rows for relying parties"
    assert not any(secret.hex() in text for secret in secrets)


@pytest.mark.parametrize("profile", ["unregistered", "registered", "kjp"])
def test_a_card_file_gives_back_the_card_it_was_written_from(profile: str, tmp_path: Path) -> None:
    data = card_data(wanted(profile=profile, balance_idr=9_000, seed=5))
    file = tmp_path / "card.json"
    file.write_text(card_document(data, {"test_keys_seed": 5}, "a card"))
    assert read_card_file(file) == data


def test_a_card_under_a_key_file_is_proven_by_that_file_alone(tmp_path: Path) -> None:
    told("keys", "--bank", "BNI", "--seed", "9", "--out", "keys.json", cwd=tmp_path)
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    by_file = ("--keys", "keys.json")
    issue_it = ("issue", "model://", "--bank", "BNI", *by_file, "--out", "card.json")
    told(*issue_it, cwd=tmp_path)
    read = told("read", "model://card.json", *by_file, "--log", cwd=tmp_path)
    assert (read["proven_by"], read["log"]) == ("keys.json", [])
    told("keys", "--bank", "BCA", "--out", "others.json", cwd=tmp_path)
    line = refused("read", "model://card.json", "--keys", "others.json", cwd=tmp_path)
    assert "expected the keys of issuer 1040, version 1, as the card says" in line
    assert "the card was not asked" in line


def test_a_card_that_is_blank_is_personalised_by_its_reader() -> None:
    card = shared_harness().new(Kind.card)
    reader = Field(card)
    assert holder_of(reader) is None
    data = card_data(wanted(routine_idr=1_000))
    with pytest.raises(PurseRefusedError, match=r"6985.*not issued yet"):
        Desk(reader).select()
    issue(reader, data)
    reading = Desk(reader, keys_of_seed(0, 1016).of).read(log=True)
    check_issued(data, reading)
    assert (reading.purses, reading.identity) == ({1: 0, 2: 1_000, 3: 0}, True)
    with pytest.raises(PurseRefusedError, match=r"refused STORE DATA block 1: SW 6985"):
        issue(reader, data)
    assert isinstance(card, JavaCard)


def test_a_card_that_says_another_thing_than_it_was_issued_with_is_told() -> None:
    data = card_data(wanted())
    other = data._replace(image=data.image._replace(balance=1))
    with pytest.raises(PurseRefusedError, match="another balance: expected 0, got 1"):
        check_issued(data, _reading(other))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bank", "Bank DIK"), 'no bank "Bank DIK" issues cards; there are: Bank DKI'),
        (("--bank", "Transjakarta"), 'no bank "Transjakarta" issues cards'),
        (("--profile", "gold"), "gold: expected a card profile or one of kjp, registered"),
        (("--balance", "2000001"), "Rp 0 to Rp 2.000.000, the limit of profile unregistered"),
        (("--routine", "1"), "--routine: expected Rp 0 to Rp 0"),
        (("--card", "98101600000011"), "--card: expected a serial up to 9999999 or 16 digits"),
        (("--card", "9810160000000012"), "--card: expected a right check digit, got 2"),
        (("--card", "9810240000000010"), "16 digits that begin with 981016"),
        (("--group", "16"), "--group: expected 0 for none, or 1 to 15, got 16"),
        (("--issued", "yesterday"), "--issued: expected a date as 2026-12-31, got yesterday"),
        (("--issued", "2148-01-01"), "--issued: expected a date of this century"),
        (("--keys", "none.json"), "none.json: expected a key file, got no such file"),
        (("--seed", "1", "--keys", "none.json"), "expected --keys FILE or --seed S, got both"),
        (("--out", "a.json"), "a.json: expected no file yet, got a folder"),
        (("--out", "card.txt"), "--out: expected a name in .json or .yaml"),
    ],
)
def test_a_card_that_cannot_be_is_refused_before_anything_is_sent(
    words: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    out = () if "--out" in words else ("--out", "card.json")
    (tmp_path / "a.json").mkdir()
    traced = "trace+model://?trace=trace.jsonl"
    assert said in refused("issue", traced, *words, *out, cwd=tmp_path)


def test_a_card_file_is_replaced_by_force_alone(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text("mine")
    words = ("issue", "model://", "--out", "card.json")
    assert "expected no file yet, got a file; --force replaces it" in refused(*words, cwd=tmp_path)
    assert (tmp_path / "card.json").read_text() == "mine"
    told(*words, "--force", cwd=tmp_path)
    assert read_card_file(tmp_path / "card.json").image.issuer == 1016


def test_a_card_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    line = refused("issue", "model://", "--out", "no/card.json", cwd=tmp_path, code=3)
    assert "no/card.json: expected to write it" in line


@pytest.mark.parametrize("url", ["java://", "vpcd://"])
def test_a_card_is_issued_on_every_kind_of_reader(url: str, tmp_path: Path) -> None:
    words = ("--profile", "kjp", "--balance", "1000", "--routine", "2000", *ON)
    issued = told("issue", url, *words, cwd=tmp_path)
    assert (issued["balance_idr"], issued["routine_idr"]) == (1_000, 2_000)
    assert issued["identity"]


# --- profiles


def test_the_limits_of_the_profiles_are_those_of_the_law() -> None:
    text = (data_folder() / "card_profiles.yaml").read_text(encoding="utf-8")
    rows = YAML(typ="safe").load(text)["profiles"]
    limits = {row["profile"]: row["limit_idr"] for row in rows}
    for file in sorted((data_folder() / "profiles").glob("*.yaml")):
        profile = read_profile(file.stem)
        assert (profile.name, profile.limit_idr) == (file.stem, limits[profile.profile])


def test_a_profile_of_ones_own_is_read_and_a_mistake_in_it_has_a_line(tmp_path: Path) -> None:
    shipped = (data_folder() / "profiles" / "kjp.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(shipped.replace("name: kjp", "name: mine"))
    issued = told("issue", "model://", "--profile", "mine.yaml", "--group", "0", cwd=tmp_path)
    assert (issued["group"], issued["group_expiry"], issued["routine_idr"]) == (0, "none", 0)
    (tmp_path / "mine.yaml").write_text(shipped + "limit: 3\n")
    line = refused("issue", "model://", "--profile", "mine.yaml", cwd=tmp_path)
    at = len(shipped.splitlines()) + 1
    assert f"mine.yaml:{at}: limit: expected one of format" in line
    assert 'the unknown key; did you mean "limit_idr"?' in line


def test_a_date_some_months_later_is_never_in_the_month_after() -> None:
    assert later(DAY, 6) == dt.date(2027, 2, 28)
    assert later(dt.date(2026, 12, 15), 1) == dt.date(2027, 1, 15)
    assert later(dt.date(2028, 2, 29), 12) == dt.date(2029, 2, 28)


# --- read


def test_a_card_on_a_journey_says_where_it_began(tmp_path: Path) -> None:
    at_s = 1_775_000_000
    file = tmp_path / "card.json"
    document = json.loads(
        card_document(card_data(wanted(profile="unregistered")), {"test_keys_seed": 0}, "a card")
    )
    transit = Transit(open_leg=OpenLeg.mrt, open_place=101, open_at_s=at_s)
    document |= {
        "status": 4, "transit": transit.pack().hex(), "parking": Parking(102, 2, at_s).pack().hex(),
    }  # fmt: skip
    file.write_text(json.dumps(document))
    ran = jakarta_one("card", "read", "model://card.json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "open MRT leg from Lebak Bulus (place 101) since 2026-04-01 06:33:20" in ran.stdout
    assert "motorcycle at Fatmawati (place 102) since 2026-04-01 06:33:20" in ran.stdout
    assert "blocked, reason 4" in ran.stdout
    assert "not asked: no keys" in ran.stdout


def test_wrong_keys_are_told_and_the_card_is_sent_no_mac(tmp_path: Path) -> None:
    told("issue", "model://", "--out", "card.json", cwd=tmp_path)
    ran = jakarta_one(
        "card", "read", "trace+model://card.json?trace=trace.jsonl", "--seed", "4", "--log",
        cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "does not prove itself under test keys of seed 4" in ran.stderr
    lines = (tmp_path / "trace.jsonl").read_text().splitlines()
    sent = [bytes.fromhex(json.loads(line)["command"])[1] for line in lines]
    assert set(sent) == {0xA4, 0x40}, "SELECT and INIT alone, neither of which carries a MAC"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("model://empty",), 3, 'no card in reader "model://empty"'),
        (("model://none.json",), 2, "none.json: expected a card file, got no such file"),
        (("model://", "--log"), 2, "--log: expected --keys FILE or --seed S with it"),
        (("modal://",), 2, 'no reader driver "modal"'),
    ],
)
def test_a_card_that_cannot_be_read_is_one_line(
    words: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    assert said in refused("read", *words, cwd=tmp_path, code=code)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"card": 9810160000000010}, "card: expected a text"),
        ({"card": "981016"}, "card: expected 16 digits in quotes, got 6 characters"),
        ({"balance_idr": 2_000_001}, "balance_idr: expected a whole number from 0 to 2000000"),
        ({"expiry": "31-12-2026"}, "expiry: expected a date such as 2026-12-31"),
        ({"expiry": "2200-01-01"}, "from 1970-01-02 to 2149-06-06, got 2200-01-01"),
        ({"keys": {"seed": 1}}, "keys.seed: expected one of test_keys_seed, key_file"),
        ({"keys": {}}, "keys.test_keys_seed: expected a whole number"),
        ({"transit": "00"}, "transit: expected 58 hex digits in quotes, got 2 characters"),
        ({"format": "jakarta-one/card/2"}, "format: expected jakarta-one/card/1"),
    ],
)
def test_a_card_file_with_a_mistake_is_one_line(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    data = card_data(wanted(profile="unregistered"))
    document = json.loads(card_document(data, {"test_keys_seed": 0}, "a card"))
    (tmp_path / "card.json").write_text(json.dumps(document | change, indent=1))
    with pytest.raises(BadInputError) as raised:
        read_card_file(tmp_path / "card.json")
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_key_file_that_others_may_read_is_warned_of(tmp_path: Path) -> None:
    told("keys", "--out", "keys.json", cwd=tmp_path)
    (tmp_path / "keys.json").chmod(0o644)
    ran = jakarta_one("card", "issue", "model://", "--keys", "keys.json", cwd=tmp_path)
    assert ran.returncode == 0
    assert "warning: keys.json: expected a key file that its owner alone may read" in ran.stderr


# --- decode


def test_what_was_read_is_decoded_from_its_trace(tmp_path: Path) -> None:
    told("read", "trace+model://?trace=trace.jsonl", cwd=tmp_path)
    told("read", "trace+model://?trace=trace.pcap", cwd=tmp_path)
    names = [
        [row["name"] for row in told("decode", file, cwd=tmp_path)["trace"]]
        for file in ("trace.jsonl", "trace.pcap")
    ]
    assert names == [["SELECT", "SELECT", "INIT", "INIT", "INIT"]] * 2


def test_a_reading_without_keys_is_replayed_from_its_trace(tmp_path: Path) -> None:
    read = told("read", "trace+model://?trace=trace.jsonl", cwd=tmp_path)
    assert told("read", "replay://trace.jsonl", cwd=tmp_path) == read


def test_an_empty_trace_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").touch()
    ran = jakarta_one("card", "decode", "trace.jsonl", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "0 exchanges\n")


def test_hex_is_decoded_from_the_command_line(tmp_path: Path) -> None:
    ran = jakarta_one("card", "decode", "00A4040006F04A4B543101", "6A82", cwd=tmp_path)
    assert ran.returncode == 0
    assert "SELECT purse by AID" in ran.stdout
    assert "6A82 no application of that AID here" in ran.stdout


def test_what_is_no_trace_is_one_line(tmp_path: Path) -> None:
    assert "none.jsonl: expected a trace, a pcap or hex" in refused(
        "decode", "none.jsonl", cwd=tmp_path
    )
    (tmp_path / "bad.txt").write_text("80200000 9000\nhello\n")
    assert 'bad.txt:2: expected bytes as hex digits, got "hello"' in refused(
        "decode", "bad.txt", cwd=tmp_path
    )


# --- build


def test_without_a_vendor_sdk_nothing_is_built(tmp_path: Path) -> None:
    assert "expected a vendor's Java Card SDK" in refused("build", cwd=tmp_path, code=3)
    (tmp_path / "sdk").mkdir()
    line = refused("build", "--sdk", "sdk", cwd=tmp_path, code=3)
    assert "without bin/converter or lib/tools.jar, lib/api_classic.jar, api_export_files" in line
    assert "no physical card has been tried" in line


def test_an_sdk_is_called_with_its_own_interface_and_every_applet(tmp_path: Path) -> None:
    # A folder that only looks like an SDK: what is shown is how one would be called.
    for name in ("bin/converter", "lib/api_classic.jar", "api_export_files/README"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    sdk = find_sdk(tmp_path)
    compiled = compile_arguments(sdk, [Path("PurseApplet.java")], Path("classes"))
    assert compiled[:2] == ["javac", "-g"]
    assert compiled[compiled.index("-cp") + 1] == str(tmp_path / "lib/api_classic.jar")
    converted = convert_arguments(sdk, Path("classes"), Path("cap"))
    assert converted[0] == str(tmp_path / "bin/converter")
    assert converted[converted.index("-exportpath") + 1] == str(tmp_path / "api_export_files")
    assert converted[converted.index("-applet") :][:3] == [
        "-applet", "0xF0:0x4A:0x4B:0x54:0x31:0x01", "id.jakartaone.card.PurseApplet",
    ]  # fmt: skip
    assert converted.count("-applet") == 3
    assert converted[-3:] == ["id.jakartaone.card", "0xF0:0x4A:0x4B:0x54:0x31:0x00", "1.0"]


def test_an_sdk_with_a_jar_alone_is_called_through_java(tmp_path: Path) -> None:
    for name in ("lib/tools.jar", "lib/api_classic.jar", "api_export_files/README"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_sdk(tmp_path).converter[0] == "java"
    assert str(tmp_path / "lib/tools.jar") in find_sdk(tmp_path).converter


def test_a_card_that_is_named_is_judged_itself_and_no_other_in_its_place(tmp_path: Path) -> None:
    words = ("conformance", "trace+model://card.json?trace=trace.jsonl", "--keys", "keys.json")
    told("keys", "--seed", "3", "--out", "keys.json", cwd=tmp_path)
    told("issue", "model://", "--seed", "3", "--out", "card.json", cwd=tmp_path)
    record = told(*words, cwd=tmp_path)
    assert 40 <= record["passed"] == record["cases"] < record["not_assessed"]
    line = refused("issue", "model://card.json", cwd=tmp_path, code=1)
    assert "only a card that is not issued yet takes it" in line


def test_keys_that_a_suite_with_cards_of_its_own_does_not_use_are_told(tmp_path: Path) -> None:
    told("keys", "--out", "keys.json", cwd=tmp_path)
    ran = jakarta_one("card", "conformance", "model://", "--keys", "keys.json", cwd=tmp_path)
    assert (ran.returncode, ran.stdout.splitlines()[-1][:5]) == (0, "PASS:")
    assert "of no use here: the suite issues the cards of model://" in ran.stderr


def test_a_card_that_comes_while_it_is_waited_for_is_read(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    url = f"trace+vpcd://{HOST}:{port}?trace={tmp_path}/trace.jsonl"
    command = [sys.executable, "-m", "testbed", "card", "read", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reading:
        assert reading.stderr is not None
        assert reading.stderr.readline().startswith(b"jakarta-one: waiting 10 s for a card in ")
        VirtualCard(issued_card("python", own_card_data())).connect(port)
        out, _ = reading.communicate(timeout=60)
    assert reading.returncode == 0
    assert b"Rp 100.000" in out


def test_a_reader_behind_wrappers_is_known_by_its_own_url() -> None:
    assert bare_url("trace+fault+pcsc://ACS") == "pcsc://ACS"
    assert bare_url("model://") == "model://"


def _reading(data: CardData) -> Any:
    return Desk(Field(issued_card("python", data))).read()
