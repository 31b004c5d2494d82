"""The seven chapters: what each is called, and what it teaches."""

from typing import Final

from dsqlkit.workshop import (
    cluster,
    connecting,
    function,
    plans,
    retrying,
    transferring,
    uuid_keys,
)
from dsqlkit.workshop.chapter import Chapter

CHAPTERS: Final = (
    Chapter(
        1,
        "A function",
        "A function takes a request and gives an answer, both JSON. The code that Lambda calls is "
        "the code that runs here.",
        function.play,
    ),
    Chapter(
        2,
        "A cluster",
        "A cluster is made by one call, has no size to choose, and costs by use. It is reached by "
        "its name: <id>.dsql.<region>.on.aws.",
        cluster.play,
    ),
    Chapter(
        3,
        "Connect",
        "The password is a token, signed on this machine for one role on one cluster, good for "
        "15 minutes and looked at only while connecting.",
        connecting.play,
    ),
    Chapter(
        4,
        "Transfer",
        "Money moves in one transaction: debit, check, credit. Any refusal rolls all of it back.",
        transferring.play,
    ),
    Chapter(
        5,
        "Retry",
        "Nobody waits for a lock. Of two who change one row, the later COMMIT fails with 40001, "
        "and the whole transaction is run again. No money is made or lost.",
        retrying.play,
    ),
    Chapter(
        6,
        "UUID keys",
        "Random keys spread writes over the cluster, and small transactions keep within 3,000 "
        "rows. The client chooses the ids, so a retry cannot load a row twice.",
        uuid_keys.play,
    ),
    Chapter(
        7,
        "Plans and indexes",
        "Read EXPLAIN ANALYZE: an index that leads with selective columns and covers the query "
        "reads fewer rows. CREATE INDEX ASYNC builds it beside other work.",
        plans.play,
    ),
)
