"""Indexes proposed, judged and tried out, on a shop's tables (shop.sql)."""
