"""A token is checked as a signature is: whole, and every character of it."""

from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqlkit.local.door.token_check import AccessDenied, TokenChecker
from tests.support.tokens import sign as sign_with

KEY_ID, SECRET = "AKIALOCALABCDEFGHIJK", "a-secret_of_forty/characters+and=some"
CHECKER = TokenChecker(54321, KEY_ID, SECRET)
NOW = datetime.now(UTC)
sign = partial(sign_with, now=NOW)
GENUINE = sign(KEY_ID, SECRET)


def accepted(text: str, role: str = "admin", now: datetime = NOW) -> bool:
    try:
        CHECKER.check(text, role, now)
    except AccessDenied:
        return False
    return True


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "[::1]", "local.dsql.us-east-1.on.aws", "localhost:54321"]
)
def test_a_token_for_any_of_our_names_opens(host: str) -> None:
    assert accepted(sign(KEY_ID, SECRET, host=host))


def test_a_role_other_than_admin_signs_the_other_action() -> None:
    assert accepted(sign(KEY_ID, SECRET, action="DbConnect"), role="app")


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(
            sign(KEY_ID, SECRET, host="elsewhere.dsql.us-east-1.on.aws"), id="another host"
        ),
        pytest.param(sign(KEY_ID, SECRET, host="localhost:5432"), id="another port"),
        pytest.param(sign(KEY_ID, SECRET, host="LOCALHOST"), id="a host in capitals"),
        pytest.param(sign(KEY_ID, SECRET, host="[::2]"), id="another address"),
        pytest.param(sign(KEY_ID, SECRET, action="DbConnect"), id="another action"),
        pytest.param(sign(KEY_ID, SECRET, region="eu-west-1"), id="another region"),
        pytest.param(sign(KEY_ID, SECRET, service="rds-db"), id="another service"),
        pytest.param(sign(KEY_ID, SECRET, session_token="x"), id="temporary credentials"),
        pytest.param(sign(KEY_ID, SECRET, life_s=604_801), id="signed for too long"),
        pytest.param(sign("AKIAOTHER", SECRET), id="another key id"),
        pytest.param(sign(KEY_ID, "other"), id="another secret"),
        pytest.param("", id="nothing"),
        pytest.param("localhost", id="only a host"),
        pytest.param("localhost/?", id="no parameters"),
        pytest.param("https://" + GENUINE, id="with its scheme"),
        pytest.param(GENUINE + "&", id="an empty parameter"),
        pytest.param(GENUINE + "&X-Amz-Security-Token=x", id="an unknown parameter"),
        pytest.param(GENUINE + "&Action=DbConnectAdmin", id="a parameter twice"),
        pytest.param(GENUINE.replace("Action=", "Action=%44", 1), id="an encoding too many"),
        pytest.param(GENUINE.replace("X-Amz-Expires=900", "X-Amz-Expires=0900"), id="a zero"),
        pytest.param(
            GENUINE.replace("X-Amz-Expires=900", "X-Amz-Expires=" + quote("٩٠٠")), id="other digits"
        ),
        pytest.param(GENUINE.replace("X-Amz-Expires=900", "X-Amz-Expires=604801"), id="too long"),
        pytest.param(GENUINE.replace(f"{NOW:%Y%m%d}", "20250230"), id="no such day"),
        pytest.param(GENUINE.rpartition("&")[0], id="no signature"),
    ],
)
def test_refused(refused: str) -> None:
    assert not accepted(refused)


def test_every_character_matters() -> None:
    for position in range(len(GENUINE)):
        for other in ("0", "a", "A", "%", "&", "=", "é"):
            if GENUINE[position] != other:
                changed = GENUINE[:position] + other + GENUINE[position + 1 :]
                assert not accepted(changed), changed


@given(st.data())
def test_nothing_but_the_token_itself_opens(data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(GENUINE)))
    until = data.draw(st.integers(cut, len(GENUINE)))
    changed = GENUINE[:cut] + data.draw(st.text(max_size=4)) + GENUINE[until:]
    assert accepted(changed) == (changed == GENUINE)


def test_parameters_in_the_order_of_another_sdk_open() -> None:
    host, _, query = GENUINE.partition("/?")
    assert accepted(f"{host}/?{'&'.join(reversed(query.split('&')))}")


def test_an_expired_token_says_so_and_nothing_else_does() -> None:
    later = NOW + timedelta(seconds=61)
    with pytest.raises(AccessDenied) as expired:
        CHECKER.check(sign(KEY_ID, SECRET, life_s=60), "admin", later)
    assert expired.value.hint is not None
    assert expired.value.hint.startswith("Signature expired: ")
    with pytest.raises(AccessDenied) as forged:
        CHECKER.check(
            sign(KEY_ID, SECRET, life_s=60)[:-1] + "x", "admin", NOW + timedelta(seconds=61)
        )
    assert forged.value.hint is None


@pytest.mark.parametrize("life_s", [1, 900, 604_800])
def test_a_token_ends_with_the_second_that_it_was_signed_for(life_s: int) -> None:
    token, end = sign(KEY_ID, SECRET, life_s=life_s), NOW.replace(microsecond=0)
    end += timedelta(seconds=life_s)
    assert accepted(token, now=end - timedelta(microseconds=1))
    assert not accepted(token, now=end)


def test_an_end_that_a_fault_brought_forward_is_told_from_the_tokens_own() -> None:
    token, second = sign(KEY_ID, SECRET, life_s=60), NOW.replace(microsecond=0)
    brought_forward = second + timedelta(seconds=30)
    for seconds, on_purpose in ((59, True), (60, False)):
        with pytest.raises(AccessDenied) as expired:
            CHECKER.check(
                token, "admin", second + timedelta(seconds=seconds), longest=timedelta(seconds=30)
            )
        hint = expired.value.hint or ""
        assert ("on purpose" in hint) == on_purpose
        assert hint.startswith(f"Signature expired: {brought_forward:%Y%m%dT%H%M%SZ} ")


def test_a_token_from_the_future_is_refused_beyond_clock_skew() -> None:
    skew, second = timedelta(minutes=5), NOW.replace(microsecond=0)
    assert accepted(GENUINE, now=second - skew)
    assert not accepted(GENUINE, now=second - skew - timedelta(microseconds=1))


def test_no_secret_in_the_checker_or_its_errors() -> None:
    assert SECRET not in repr(CHECKER)
    with pytest.raises(AccessDenied) as denied:
        CHECKER.check(GENUINE[:-1] + "x", "admin", NOW)
    assert "X-Amz" not in str(denied.value)
