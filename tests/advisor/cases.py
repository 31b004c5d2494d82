"""Queries on the shop, and the indexes that each would gain from: none for most."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """`expected` are the proposals from ON on, in order of the query; `note` is a part of what is
    said beside them.
    """

    name: str
    sql: str
    expected: tuple[str, ...] = ()
    note: str = ""


CASES = (
    Case(
        "equality",
        "SELECT total FROM shop_orders WHERE customer_id = 77",
        ("shop_orders (customer_id)",),
    ),
    Case(
        "two equalities, the most selective first",
        "SELECT id FROM shop_customers WHERE tier = 'gold' AND email = 'user8@example.com'",
        ("shop_customers (email)",),
    ),
    Case(
        "equality and range",
        "SELECT total FROM shop_orders WHERE status = 'open' AND placed >= '2025-08-01+00'",
        ("shop_orders (status, placed)",),
    ),
    Case(
        "range",
        "SELECT code FROM shop_orders WHERE placed BETWEEN '2025-02-01+00' AND '2025-02-05+00'",
        ("shop_orders (placed) INCLUDE (code)",),
    ),
    Case(
        "two ranges: one in the key, the other filtered in the index",
        "SELECT id FROM shop_orders WHERE placed > '2025-09-01+00' AND total > 900",
        ("shop_orders (placed) INCLUDE (id, total)",),
    ),
    Case(
        "a range that keeps most",
        "SELECT code FROM shop_orders WHERE placed > '2025-02-01+00'",
    ),
    Case(
        "first rows of an order",
        "SELECT id, total FROM shop_orders ORDER BY placed DESC LIMIT 10",
        ("shop_orders (placed)",),
    ),
    Case(
        "first rows of an order, behind an equality",
        "SELECT id FROM shop_orders WHERE status = 'closed' ORDER BY placed DESC LIMIT 10",
        ("shop_orders (status, placed)",),
    ),
    Case(
        "first rows of an order in two directions",
        "SELECT id FROM shop_orders ORDER BY placed DESC, total ASC LIMIT 10",
        ("shop_orders (placed)",),
    ),
    Case(
        "an order without a limit",
        "SELECT id, total FROM shop_orders ORDER BY placed",
    ),
    Case(
        "first rows of the primary key",
        "SELECT id, total FROM shop_orders ORDER BY id LIMIT 10",
    ),
    Case(
        "IN",
        "SELECT total FROM shop_orders WHERE customer_id IN (5, 6, 7)",
        ("shop_orders (customer_id)",),
    ),
    Case(
        "ANY of an array",
        "SELECT total FROM shop_orders WHERE customer_id = ANY (ARRAY[5, 6, 7])",
        ("shop_orders (customer_id)",),
    ),
    Case(
        "LIKE of a beginning",
        "SELECT id FROM shop_orders WHERE code LIKE 'A001%'",
        ("shop_orders (code) INCLUDE (id)",),
    ),
    Case(
        "LIKE of an end",
        "SELECT id FROM shop_orders WHERE code LIKE '%001'",
        note="begins with a wildcard",
    ),
    Case(
        "OR over two columns",
        "SELECT id FROM shop_orders WHERE customer_id = 5 OR code = 'A00037'",
        note="write a UNION",
    ),
    Case(
        "OR over one column",
        "SELECT id FROM shop_orders WHERE customer_id = 5 OR customer_id = 6",
        note="write customer_id IN",
    ),
    Case(
        "IS NULL",
        "SELECT id FROM shop_products WHERE price IS NULL",
        ("shop_products (price) INCLUDE (id)",),
    ),
    Case(
        "a boolean",
        "SELECT id, email FROM shop_customers WHERE vip",
        ("shop_customers (vip)",),
    ),
    Case(
        "a condition that a partial index has",
        "SELECT total FROM shop_orders WHERE customer_id = 169 AND shipped IS NULL",
    ),
    Case(
        "all of a partial index",
        "SELECT total FROM shop_orders WHERE shipped IS NULL",
    ),
    Case(
        "a condition that a partial index does not have",
        "SELECT total FROM shop_orders WHERE customer_id = 169 AND shipped IS NOT NULL",
        ("shop_orders (customer_id)",),
    ),
    Case(
        "a function on the column",
        "SELECT id FROM shop_customers WHERE upper(email) = 'USER8@EXAMPLE.COM'",
        ("shop_customers (upper(email))",),
    ),
    Case(
        "a value of another type",
        "SELECT total FROM shop_orders WHERE customer_id = 77.0",
        note="customer_id is integer and is compared as numeric",
    ),
    Case(
        "a document",
        "SELECT id FROM shop_products WHERE details = '{\"weight\": 2}'",
        note="details is jsonb, which cannot be in a key",
    ),
    Case(
        "the primary key",
        "SELECT total FROM shop_orders WHERE id = 77",
    ),
    Case(
        "an index that covers",
        "SELECT price FROM shop_products WHERE sku = 'SKU-77'",
        note="shop_products_sku of shop_products already gives",
    ),
    Case(
        "an index that narrows",
        "SELECT note FROM shop_customers WHERE region = 'region7'",
        note="shop_customers_region of shop_customers already gives",
    ),
    Case(
        "an index that is a beginning of the better one",
        "SELECT id FROM shop_customers WHERE region LIKE 'region1%' AND joined = '2020-03-01'",
        ("shop_customers (joined, region)",),
    ),
    Case(
        "all rows",
        "SELECT count(*) FROM shop_orders",
    ),
    Case(
        "an equality that most rows have",
        "SELECT id FROM shop_orders WHERE status = 'closed'",
    ),
    Case(
        "a small table",
        "SELECT value FROM shop_settings WHERE name = 'setting3'",
    ),
    Case(
        "no table",
        "SELECT 1 + 1",
    ),
    Case(
        "the greatest value",
        "SELECT max(placed) FROM shop_orders",
        ("shop_orders (placed)",),
    ),
    Case(
        "groups of a few rows",
        "SELECT customer_id, sum(total) FROM shop_orders WHERE status = 'open' GROUP BY 1",
        ("shop_orders (status) INCLUDE (customer_id, total)",),
    ),
    Case(
        "a join that looks up its inner side",
        "SELECT o.total FROM shop_customers c JOIN shop_orders o ON o.customer_id = c.id"
        " WHERE c.email = 'user8@example.com'",
        (
            "shop_customers (email)",
            "shop_orders (customer_id)",
        ),
    ),
    Case(
        "a join of three, by keys that are there and one that is not",
        "SELECT p.sku, i.quantity FROM shop_products p JOIN shop_items i ON i.product_id = p.id"
        " JOIN shop_orders o ON o.id = i.order_id WHERE p.sku = 'SKU-5' AND o.status = 'closed'",
        ("shop_items (product_id)",),
    ),
    Case(
        "a join of all rows",
        "SELECT count(*) FROM shop_orders o JOIN shop_items i ON i.order_id = o.id"
        " WHERE o.total >= 0",
    ),
    Case(
        "a left join",
        "SELECT c.id, o.total FROM shop_customers c LEFT JOIN shop_orders o ON o.customer_id = c.id"
        " AND o.status = 'open' WHERE c.id = 8",
        ("shop_orders (customer_id)",),
    ),
    Case(
        "EXISTS",
        "SELECT c.id FROM shop_customers c WHERE c.region = 'region7' AND EXISTS"
        " (SELECT 1 FROM shop_orders o WHERE o.customer_id = c.id AND o.status = 'open')",
        ("shop_orders (status) INCLUDE (customer_id)",),
    ),
    Case(
        "a subquery that is pushed into",
        "SELECT s.total FROM (SELECT customer_id, total FROM shop_orders) s"
        " WHERE s.customer_id = 9",
        ("shop_orders (customer_id)",),
    ),
    Case(
        "a WITH query",
        "WITH recent AS (SELECT customer_id, total FROM shop_orders WHERE placed > '2025-09-01+00')"
        " SELECT sum(total) FROM recent",
        ("shop_orders (placed) INCLUDE (customer_id, total)",),
    ),
    Case(
        "a WITH query that groups by what is asked for",
        "WITH t AS (SELECT customer_id, sum(total) AS s FROM shop_orders GROUP BY customer_id)"
        " SELECT * FROM t WHERE customer_id = 7",
        ("shop_orders (customer_id)",),
    ),
    Case(
        "a query for each row",
        "SELECT c.id, (SELECT max(o.placed) FROM shop_orders o WHERE o.customer_id = c.id)"
        " FROM shop_customers c WHERE c.region = 'region3'",
        ("shop_orders (customer_id, placed)",),
    ),
    Case(
        "rows compared as one",
        "SELECT id FROM shop_orders WHERE (customer_id, status) = (5, 'closed')",
        ("shop_orders (customer_id)",),
    ),
    Case(
        "the page after a row",
        "SELECT id, code FROM shop_orders WHERE (placed, id) > ('2025-03-01+00', 700)"
        " ORDER BY placed, id LIMIT 10",
        ("shop_orders (placed, id)",),
    ),
    Case(
        "wide columns for one row",
        "SELECT tier, region, note, email FROM shop_customers WHERE email = 'user9@example.com'"
        " AND note IS NOT NULL",
        ("shop_customers (email)",),
    ),
    Case(
        "a join in the order of one side",
        "SELECT o.id, c.email FROM shop_orders o JOIN shop_customers c ON c.id = o.customer_id"
        " ORDER BY o.placed DESC LIMIT 20",
        ("shop_orders (placed)",),
    ),
    Case(
        "a join of a table with itself",
        "SELECT a.id FROM shop_orders a JOIN shop_orders b ON a.code = b.code WHERE b.id = 5",
        ("shop_orders (code)",),
    ),
    Case(
        "UPDATE",
        "UPDATE shop_orders SET total = total + 1 WHERE customer_id = 77",
        ("shop_orders (customer_id)",),
    ),
    Case(
        "DELETE",
        "DELETE FROM shop_items WHERE product_id = 14",
        ("shop_items (product_id)",),
    ),
    Case(
        "SELECT FOR UPDATE",
        "SELECT total FROM shop_orders WHERE customer_id = 77 FOR UPDATE",
        ("shop_orders (customer_id)",),
    ),
)
