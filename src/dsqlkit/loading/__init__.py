"""Bulk loading of `accounts2` (chapter 6): small transactions, many workers, ids known beforehand.

The ids of each transaction come from a secret seed and its number (`batch`). As they are known
before they are sent and are the primary key, a batch whose answer got lost can be sent again, by
this process or by a later one: either it goes in now, or the key says that it was in already. So
no row is loaded twice and none is lost, whatever breaks.

`Loader` fills a table that is there. `TableLoad` is what `dsqlkit load` does: it makes the table
anew, keeps a journal beside the file of ids, and lets no other load in meanwhile.
"""

from dsqlkit.loading.batch import Batch
from dsqlkit.loading.loader import Loaded, Loader
from dsqlkit.loading.plan import OPENING_BALANCE, LoadPlan
from dsqlkit.loading.sending import send

__all__ = ["OPENING_BALANCE", "Batch", "LoadPlan", "Loaded", "Loader", "send"]
