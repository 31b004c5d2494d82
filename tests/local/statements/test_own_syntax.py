"""What is DSQL's own in a text, and what only looks like it."""

import pytest

from dsqlkit.local.statements.own_syntax import IamTrust, WrongToken, parsable, wrong_token

ARN = "'arn:aws:iam::1:role/x'"


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("CREATE INDEX ASYNC i ON t (a)", 1),
        ("create unique index async on t (a)", 1),
        ("SELECT 1; CREATE INDEX ASYNC ON t (a); CREATE INDEX ASYNC ON t (b)", 2),
        ("ALTER TABLE ASYNC t VALIDATE CONSTRAINT c", 1),
        ("ALTER TABLE ASYNC async VALIDATE CONSTRAINT c", 1),
        ("ALTER TABLE /* é */ ASYNC -- why\n s.t VALIDATE CONSTRAINT c", 1),
        ('CREATE INDEX "async" ON t (a)', 0),
        ("DROP INDEX async", 0),
        ("ALTER TABLE async ADD COLUMN a int", 0),
        ("ALTER TABLE async VALIDATE CONSTRAINT c", 0),
        ('ALTER TABLE "async" RENAME TO t', 0),
        ("SELECT 'ALTER TABLE ASYNC t'", 0),
        ("SELECT async FROM t", 0),
    ],
)
def test_async_is_a_word_where_the_syntax_has_it(sql: str, words: int) -> None:
    found = parsable(sql.encode())
    assert len(found.asyncs) == words
    assert len(found.text) == len(sql.encode())
    for offset in found.asyncs:
        assert sql.encode()[offset : offset + 5].lower() == b"async"
        assert found.text[offset : offset + 5] == b"     "
    if not words:
        assert found.text == sql.encode()


@pytest.mark.parametrize(
    ("sql", "trusts"),
    [
        (f"AWS IAM GRANT app TO {ARN}", [IamTrust(True, "app", ARN)]),
        (f"aws iam revoke App from {ARN};", [IamTrust(False, "app", ARN)]),
        (f'AWS IAM GRANT "A ""b" TO {ARN}', [IamTrust(True, 'A "b', ARN)]),
        ("AWS IAM GRANT app TO E'a\\'b'", [IamTrust(True, "app", "E'a\\'b'")]),
        (
            f"BEGIN; AWS IAM GRANT a TO {ARN}; AWS IAM REVOKE b FROM {ARN}",
            [IamTrust(True, "a", ARN), IamTrust(False, "b", ARN)],
        ),
        (f"/* é */ AWS -- x\n IAM GRANT a TO {ARN}", [IamTrust(True, "a", ARN)]),
        (f"AWS IAM GRANT app FROM {ARN}", []),
        ("AWS IAM GRANT app TO app", []),
        (f"AWS IAM GRANT app TO {ARN} {ARN}", []),
        ("AWS IAM GRANT", []),
        ("AWS", []),
        (f"SELECT 'AWS IAM GRANT app TO ' || {ARN}", []),
        ("SELECT aws FROM iam", []),
    ],
)
def test_aws_iam_statements_are_found_whole(sql: str, trusts: list[IamTrust]) -> None:
    found = parsable(sql.encode())
    assert [trust for _, trust in found.trusts] == trusts
    assert len(found.text) == len(sql.encode())
    for offset, trust in found.trusts:
        assert found.trust(offset, offset + 1) == trust
    if not trusts:
        assert found.text == sql.encode()


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("AWS IAM GRANT app TO $1", "$1"),
        ("aws iam revoke app from $1;", "$1"),
        ("AWS IAM GRANT $1 TO 'x'", "$1"),
        ("AWS IAM GRANT app TO foo", "foo"),
        ('AWS IAM GRANT app TO "foo"', '"foo"'),
        (f"AWS IAM GRANT app FROM {ARN}", "FROM"),
        (f"AWS IAM REVOKE app TO {ARN}", "TO"),
        (f"AWS IAM GRANT TO {ARN}", "TO"),
        (f"AWS IAM GRANT 'app' TO {ARN}", "'app'"),
        (f"AWS IAM GRANT select TO {ARN}", "select"),
        (f"AWS IAM GRANT a, b TO {ARN}", ","),
        (f"AWS IAM GRANT a TO {ARN} b", "b"),
        (f"AWS IAM GRANT a TO {ARN} {ARN}", ARN),
        ("AWS IAM FOO", "FOO"),
        ("AWS FOO", "FOO"),
        ("AWS SELECT 1", "SELECT"),
        ("AWS IAM GRANT app TO;", ";"),
        ("AWS", ""),
        ("AWS IAM", ""),
        ("AWS IAM GRANT app TO", ""),
    ],
)
def test_a_malformed_statement_is_wrong_at_its_first_wrong_token(sql: str, written: str) -> None:
    start = len("SELECT 'é'; ".encode())
    whole = f"SELECT 'é'; {sql}".encode()
    place = whole.rindex(written.encode(), start) if written else len(whole)
    if sql.endswith(f"{ARN} {ARN}") or sql.startswith("AWS IAM GRANT TO"):
        place = whole.index(written.encode(), place)
    assert wrong_token(whole) == WrongToken(start, place, written)


@pytest.mark.parametrize(
    "sql", [f"AWS IAM GRANT app TO {ARN}", "SELECT aws iam", "SELECT 1 AWS IAM", "AWSIAM GRANT"]
)
def test_other_texts_have_no_wrong_token(sql: str) -> None:
    assert wrong_token(sql.encode()) is None
