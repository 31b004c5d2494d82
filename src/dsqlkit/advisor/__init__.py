"""Which indexes a query would gain from, decided from its text, its plan and the statistics.

All here is pure but `facts_reader`; `dsqlkit.index_trial` builds and measures what is proposed.
"""
