"""Which indexes a query would gain from, in three steps.

- Proposing: from the query's text, its plan and the statistics, indexes are decided (`advise`).
  All modules but those named below are pure.
- Consulting: `facts_reader` reads catalog and statistics; `consulting` measures the query as it is
  and asks for the proposals, `workload_consulting` the same for many queries; `judging` has a
  plan's findings name the index.
- Trying out: `trial` builds what is proposed, measures, and keeps what the measurement proves.
"""
