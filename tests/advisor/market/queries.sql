-- The acceptance set of the advisor: each query with indexes that an expert would build by hand, of
-- which the best is the measure. A line `try:` is one set, of one or more indexes. A query without
-- one gains from none.

-- name: equality
-- try: mk_orders (customer_id)
SELECT total FROM mk_orders WHERE customer_id = 77;
-- name: equality on text
-- try: mk_orders (code)
SELECT id, total FROM mk_orders WHERE code = 'A000037';
-- name: unique value, first row
-- try: mk_customers (email)
SELECT * FROM mk_customers WHERE email = 'User9017@Example.com' LIMIT 1;
-- name: unique value near the start, first row
-- check: mk_sessions (token)
SELECT * FROM mk_sessions WHERE token = 'c4ca4238a0b923820dcc509a6f75849b' LIMIT 1;
-- name: two equalities
-- try: mk_tickets (customer_id, state)
-- try: mk_tickets (customer_id)
SELECT id, subject FROM mk_tickets WHERE customer_id = 98 AND state = 'closed';
-- name: equality and range
-- try: mk_orders (status, placed_at)
SELECT id, total FROM mk_orders WHERE status = 'failed' AND placed_at >= '2024-12-01+00' AND placed_at < '2025-01-01+00';
-- name: range of moments
-- try: mk_orders (placed_at)
SELECT id, code FROM mk_orders WHERE placed_at BETWEEN '2024-03-01+00' AND '2024-03-04+00';
-- name: range of dates
-- try: mk_orders (day)
SELECT id FROM mk_orders WHERE day >= '2024-05-01' AND day < '2024-05-04';
-- name: range that keeps most
SELECT id FROM mk_orders WHERE placed_at > '2024-02-01+00';
-- name: in
-- try: mk_orders (customer_id)
SELECT id, total FROM mk_orders WHERE customer_id IN (5, 6, 7, 8);
-- name: any of an array
-- try: mk_products (sku)
SELECT title FROM mk_products WHERE sku = ANY (ARRAY['SKU-00005', 'SKU-00006']);
-- name: like of a beginning
-- try: mk_orders (code)
SELECT id FROM mk_orders WHERE code LIKE 'A0001%';
-- name: like of an end
SELECT id FROM mk_orders WHERE code LIKE '%0001';
-- name: ilike
SELECT id FROM mk_customers WHERE email ILIKE 'user17%';
-- name: starts_with
-- try: mk_products (sku)
SELECT id, title FROM mk_products WHERE starts_with(sku, 'SKU-0012');
-- name: starts with, as an operator
-- try: mk_products (sku)
SELECT id, title FROM mk_products WHERE sku ^@ 'SKU-0012';
-- name: regular expression with a beginning
-- try: mk_products (sku)
SELECT id, title FROM mk_products WHERE sku ~ '^SKU-0012';
-- name: regular expression without one
SELECT id, title FROM mk_products WHERE sku ~ '0012$';
-- name: or over one column
SELECT id FROM mk_orders WHERE status = 'done' OR status = 'open';
-- name: or with a common part
-- try: mk_orders (customer_id)
SELECT id FROM mk_orders WHERE (customer_id = 9 AND status = 'done') OR (customer_id = 9 AND total > 900);
-- name: the page after a row, spelled out
SELECT id, placed_at FROM mk_orders WHERE placed_at < '2024-06-01+00' OR (placed_at = '2024-06-01+00' AND id < 500) ORDER BY total LIMIT 10;
-- name: the page after a row, as rows
-- try: mk_orders (placed_at, id)
SELECT id, placed_at, total FROM mk_orders WHERE (placed_at, id) < ('2024-06-01+00', 500) ORDER BY placed_at DESC, id DESC LIMIT 10;
-- name: soft delete, a page in order
-- try: mk_customers (country, signup_at)
-- try: mk_customers (country, deleted_at, signup_at)
-- try: mk_customers (signup_at)
SELECT id, email FROM mk_customers WHERE deleted_at IS NULL AND country = 'US' ORDER BY signup_at DESC LIMIT 20;
-- name: soft delete, a page in order of all
-- try: mk_customers (signup_at)
SELECT id, email FROM mk_customers WHERE deleted_at IS NULL ORDER BY signup_at DESC LIMIT 20;
-- name: soft delete and an equality
-- try: mk_customers (city)
-- try: mk_customers (city, deleted_at)
SELECT id FROM mk_customers WHERE deleted_at IS NULL AND city = 'city7';
-- name: is null of a few
-- try: mk_events (processed_at)
SELECT id, kind FROM mk_events WHERE processed_at IS NULL;
-- name: a queue, the oldest first
-- try: mk_events (at) WHERE processed_at IS NULL
-- try: mk_events (at)
-- try: mk_events (processed_at, at)
SELECT id, payload FROM mk_events WHERE processed_at IS NULL ORDER BY at LIMIT 10;
-- name: is null of most
SELECT id FROM mk_customers WHERE deleted_at IS NULL;
-- name: is not null of a few
-- try: mk_orders (note)
SELECT id, note FROM mk_orders WHERE note IS NOT NULL;
-- name: is not null of most
SELECT id FROM mk_orders WHERE shipped_at IS NOT NULL;
-- name: a boolean of few
-- try: mk_products (discontinued)
SELECT id, title FROM mk_products WHERE discontinued;
-- name: is true
-- try: mk_products (discontinued)
SELECT id, title FROM mk_products WHERE discontinued IS TRUE;
-- name: not
-- try: mk_customers (active)
SELECT id, email FROM mk_customers WHERE NOT active;
-- name: is false
-- try: mk_customers (active)
SELECT id, email FROM mk_customers WHERE active IS FALSE;
-- name: differs from true
-- try: mk_customers (active)
SELECT id, email FROM mk_customers WHERE active <> true;
-- name: equals false
-- try: mk_orders (archived)
SELECT id FROM mk_orders WHERE archived = false;
-- name: is not true
-- try: mk_customers (id) WHERE active IS NOT TRUE
SELECT id, email FROM mk_customers WHERE active IS NOT TRUE;
-- name: a state that is not the usual one
-- try: mk_orders (id) WHERE status <> 'done'
SELECT id, total FROM mk_orders WHERE status <> 'done';
-- name: not in a list of values
-- try: mk_orders (id) WHERE status NOT IN ('done', 'open')
SELECT id, total FROM mk_orders WHERE status NOT IN ('done', 'open');
-- name: rare states, the oldest first
-- try: mk_orders (placed_at) WHERE status IN ('failed', 'stuck')
-- try: mk_orders (status, placed_at)
SELECT id, total FROM mk_orders WHERE status IN ('failed', 'stuck') ORDER BY placed_at LIMIT 20;
-- name: one rare state, the newest first
-- try: mk_orders (status, placed_at)
SELECT id, total FROM mk_orders WHERE status = 'stuck' ORDER BY placed_at DESC LIMIT 20;
-- name: first rows of an order
-- try: mk_orders (placed_at)
SELECT id, total FROM mk_orders ORDER BY placed_at DESC LIMIT 10;
-- name: an order in two directions
-- try: mk_tickets (priority)
-- try: mk_tickets (opened_at)
SELECT id FROM mk_tickets ORDER BY opened_at DESC, priority LIMIT 10;
-- name: an order in two directions after an equality
-- try: mk_orders (customer_id)
-- try: mk_orders (status, day)
SELECT id FROM mk_orders WHERE status = 'open' ORDER BY day DESC, total LIMIT 20;
-- name: nulls last
-- try: mk_orders (shipped_at NULLS FIRST)
SELECT id FROM mk_orders ORDER BY shipped_at DESC NULLS LAST LIMIT 10;
-- name: nulls first
-- try: mk_orders (shipped_at NULLS FIRST)
SELECT id FROM mk_orders ORDER BY shipped_at NULLS FIRST LIMIT 10;
-- name: nulls last after an equality
-- try: mk_tickets (assignee, closed_at NULLS FIRST)
SELECT id FROM mk_tickets WHERE assignee = 'agent7' ORDER BY closed_at DESC NULLS LAST LIMIT 10;
-- name: the greatest value
-- try: mk_orders (placed_at)
SELECT max(placed_at) FROM mk_orders;
-- name: the least and the greatest
-- try: mk_orders (total)
SELECT min(total), max(total) FROM mk_orders;
-- name: the least and the greatest of one
-- try: mk_orders (customer_id, total)
-- try: mk_orders (customer_id)
SELECT min(total), max(total) FROM mk_orders WHERE customer_id = 7;
-- name: an order without a limit
SELECT id, total FROM mk_orders ORDER BY total;
-- name: an order by an expression
-- try: mk_customers (lower(name))
SELECT id FROM mk_customers ORDER BY lower(name) LIMIT 10;
-- name: lower
-- try: mk_customers (lower(email))
SELECT id, name FROM mk_customers WHERE lower(email) = 'user77@example.com';
-- name: lower of a beginning
-- try: mk_customers (lower(email))
SELECT id, name FROM mk_customers WHERE lower(email) LIKE 'user777%';
-- name: a member of a document
-- try: mk_customers ((profile->>'plan'))
SELECT id FROM mk_customers WHERE profile->>'plan' = 'p77';
-- name: a number in a document
-- try: mk_events (((payload->>'ms')::int))
SELECT id FROM mk_events WHERE (payload->>'ms')::int = 777;
-- name: a document that contains
SELECT id FROM mk_customers WHERE profile @> '{"plan": "p77"}';
-- name: a day of a moment without zone
-- try: mk_events (date_trunc('day', at))
SELECT id FROM mk_events WHERE date_trunc('day', at) = '2025-03-01';
-- name: a moment without zone as a date
-- try: mk_events ((at::date))
SELECT id FROM mk_events WHERE at::date = '2025-03-01';
-- name: a day of a moment with a zone
SELECT id FROM mk_orders WHERE date_trunc('day', placed_at) = '2024-03-01+00';
-- name: arithmetic on the column
-- try: mk_customers ((id + score))
SELECT id FROM mk_customers WHERE id + score = 1000;
-- name: a key cast to text
SELECT id FROM mk_orders WHERE id::text = '3';
-- name: a column compared with another type
SELECT id FROM mk_orders WHERE customer_id = 77.0;
-- name: an interval
SELECT id FROM mk_products WHERE lead_time = '7 days';
-- name: bytes
SELECT id FROM mk_products WHERE picture = '\x00000007';
-- name: an interval beside what can be a key
-- try: mk_products (category)
SELECT id FROM mk_products WHERE category = 'category7' AND lead_time > '20 days';
-- name: correlated columns
-- try: mk_customers (zip)
-- try: mk_customers (city, zip)
SELECT id, email FROM mk_customers WHERE city = 'city77' AND zip = 'Z77';
-- name: outside a window function
-- try: mk_orders (customer_id, placed_at)
-- try: mk_orders (customer_id)
SELECT * FROM (SELECT id, customer_id, row_number() OVER (PARTITION BY customer_id ORDER BY placed_at) AS n FROM mk_orders) AS t WHERE customer_id = 7;
-- name: outside distinct
-- try: mk_orders (customer_id, status)
-- try: mk_orders (customer_id)
SELECT * FROM (SELECT DISTINCT customer_id, status FROM mk_orders) AS t WHERE customer_id = 7;
-- name: outside union all
-- try: mk_orders (customer_id) ; mk_tickets (customer_id)
SELECT * FROM (SELECT customer_id, placed_at AS at FROM mk_orders UNION ALL SELECT customer_id, opened_at FROM mk_tickets) AS t WHERE customer_id = 7;
-- name: union all
-- try: mk_orders (customer_id) ; mk_tickets (customer_id)
SELECT id FROM mk_orders WHERE customer_id = 7 UNION ALL SELECT id FROM mk_tickets WHERE customer_id = 7;
-- name: outside a grouping
-- try: mk_orders (customer_id)
SELECT * FROM (SELECT customer_id, sum(total) FROM mk_orders GROUP BY customer_id) AS t WHERE customer_id = 7;
-- name: outside a limit
-- try: mk_orders (placed_at)
SELECT * FROM (SELECT * FROM mk_orders ORDER BY placed_at DESC LIMIT 100) AS t WHERE customer_id = 7;
-- name: a view
-- try: mk_tickets (customer_id)
SELECT id FROM mk_open_tickets WHERE customer_id = 98;
-- name: a view, a page
-- try: mk_tickets (state, opened_at)
SELECT id, subject FROM mk_open_tickets ORDER BY opened_at DESC LIMIT 10;
-- name: a view of a join
-- try: mk_orders (customer_id)
SELECT * FROM mk_order_totals WHERE customer_id = 7;
-- name: a with query
-- try: mk_orders (placed_at)
WITH recent AS (SELECT * FROM mk_orders WHERE placed_at > '2025-02-15+00') SELECT status, count(*) FROM recent GROUP BY status;
-- name: a with query that is read twice
-- try: mk_orders (customer_id)
WITH mine AS (SELECT * FROM mk_orders WHERE customer_id = 7) SELECT a.id, b.id FROM mine AS a JOIN mine AS b ON a.total < b.total;
-- name: a group
-- try: mk_tickets (assignee)
SELECT state, count(*) FROM mk_tickets WHERE assignee = 'agent7' GROUP BY state;
-- name: groups of all
SELECT status, count(*) FROM mk_orders GROUP BY status;
-- name: counting all
SELECT count(*) FROM mk_orders;
-- name: a primary key
SELECT * FROM mk_orders WHERE id = 77;
-- name: the beginning of a primary key
SELECT * FROM mk_items WHERE order_id = 77;
-- name: first rows of the primary key
SELECT * FROM mk_orders ORDER BY id DESC LIMIT 10;
-- name: a small table
SELECT * FROM mk_settings WHERE value = 'off';
-- name: a join of two
-- try: mk_customers (email) ; mk_orders (customer_id)
SELECT o.id, o.total FROM mk_customers AS c JOIN mk_orders AS o ON o.customer_id = c.id WHERE c.email = 'User17@Example.com';
-- name: a join from a primary key
-- try: mk_orders (customer_id)
SELECT o.id, o.total FROM mk_customers AS c JOIN mk_orders AS o ON o.customer_id = c.id WHERE c.id = 17;
-- name: a join of three
-- try: mk_orders (customer_id)
SELECT o.id, i.quantity FROM mk_customers AS c JOIN mk_orders AS o ON o.customer_id = c.id JOIN mk_items AS i ON i.order_id = o.id WHERE c.id = 17;
-- name: a join of four
-- try: mk_products (sku) ; mk_items (product_id)
SELECT c.email FROM mk_products AS p JOIN mk_items AS i ON i.product_id = p.id JOIN mk_orders AS o ON o.id = i.order_id JOIN mk_customers AS c ON c.id = o.customer_id WHERE p.sku = 'SKU-00077';
-- name: the foreign key's side of a hash join
-- try: mk_orders (status, placed_at) ; mk_payments (order_id)
SELECT o.id, p.amount FROM mk_orders AS o JOIN mk_payments AS p ON p.order_id = o.id WHERE o.status = 'stuck' AND o.placed_at > '2024-11-01+00';
-- name: the foreign key's side of a hash join, from keys
-- try: mk_payments (order_id)
SELECT o.id, p.amount FROM mk_orders AS o JOIN mk_payments AS p ON p.order_id = o.id WHERE o.id BETWEEN 500 AND 540;
-- name: a join of all
SELECT count(*) FROM mk_orders AS o JOIN mk_items AS i ON i.order_id = o.id;
-- name: a left join
-- try: mk_tickets (customer_id)
SELECT c.id, t.subject FROM mk_customers AS c LEFT JOIN mk_tickets AS t ON t.customer_id = c.id AND t.state = 'open' WHERE c.id BETWEEN 100 AND 110;
-- name: a join in the order of one side
-- try: mk_orders (placed_at)
SELECT o.id, c.email FROM mk_orders AS o JOIN mk_customers AS c ON c.id = o.customer_id ORDER BY o.placed_at DESC LIMIT 20;
-- name: a join by a range
-- try: mk_events (at)
SELECT s.id, count(*) FROM mk_sessions AS s JOIN mk_events AS e ON e.at >= s.started_at AND e.at < s.ended_at WHERE s.id IN (100, 200, 300) GROUP BY s.id;
-- name: a join of a table with itself
-- try: mk_customers (referrer_id)
SELECT b.id FROM mk_customers AS a JOIN mk_customers AS b ON b.referrer_id = a.id WHERE a.id = 77;
-- name: exists
-- try: mk_tickets (customer_id, state) ; mk_customers (city)
-- try: mk_tickets (customer_id) ; mk_customers (city)
SELECT c.id FROM mk_customers AS c WHERE c.city = 'city7' AND EXISTS (SELECT 1 FROM mk_tickets AS t WHERE t.customer_id = c.id AND t.state = 'open');
-- name: exists, of few inner rows
-- try: mk_orders (status, total)
-- try: mk_orders (customer_id, status) ; mk_customers (tier)
SELECT c.id FROM mk_customers AS c WHERE c.tier = 'gold' AND EXISTS (SELECT 1 FROM mk_orders AS o WHERE o.customer_id = c.id AND o.status = 'stuck' AND o.total > 900);
-- name: not exists
-- try: mk_tickets (customer_id)
SELECT c.id FROM mk_customers AS c WHERE c.id BETWEEN 500 AND 540 AND NOT EXISTS (SELECT 1 FROM mk_tickets AS t WHERE t.customer_id = c.id);
-- name: in a subquery
-- try: mk_orders (status, total)
SELECT id, email FROM mk_customers WHERE id IN (SELECT customer_id FROM mk_orders WHERE status = 'stuck' AND total > 950);
-- name: not in a subquery
-- try: mk_customers (city) ; mk_tickets (state)
SELECT id FROM mk_customers WHERE city = 'city9' AND id NOT IN (SELECT customer_id FROM mk_tickets WHERE state = 'open');
-- name: a query for each row
-- try: mk_orders (customer_id, placed_at)
SELECT c.id, (SELECT max(o.placed_at) FROM mk_orders AS o WHERE o.customer_id = c.id) FROM mk_customers AS c WHERE c.id BETWEEN 300 AND 310;
-- name: the latest of each, lateral
-- try: mk_orders (customer_id, placed_at)
SELECT c.id, o.id FROM mk_customers AS c CROSS JOIN LATERAL (SELECT id FROM mk_orders AS o WHERE o.customer_id = c.id ORDER BY placed_at DESC LIMIT 1) AS o WHERE c.id BETWEEN 300 AND 310;
-- name: a recursive query
-- try: mk_customers (referrer_id)
WITH RECURSIVE line AS (SELECT id FROM mk_customers WHERE id = 3 UNION ALL SELECT c.id FROM mk_customers AS c JOIN line AS l ON c.referrer_id = l.id) SELECT * FROM line;
-- name: an update
-- try: mk_orders (customer_id)
UPDATE mk_orders SET note = 'x' WHERE customer_id = 77;
-- name: an update from another table
-- try: mk_orders (customer_id)
UPDATE mk_orders AS o SET note = c.name FROM mk_customers AS c WHERE c.id = o.customer_id AND c.id = 77;
-- name: a delete
-- try: mk_tickets (customer_id)
DELETE FROM mk_tickets WHERE customer_id = 98;
-- name: a delete using another table
-- try: mk_tickets (customer_id)
DELETE FROM mk_tickets AS t USING mk_customers AS c WHERE c.id = t.customer_id AND c.id = 98;
-- name: locking rows
-- try: mk_orders (customer_id)
SELECT id FROM mk_orders WHERE customer_id = 77 FOR UPDATE;
-- name: inserting what is found
-- try: mk_orders (customer_id)
INSERT INTO mk_settings SELECT 'o' || id, status FROM mk_orders WHERE customer_id = 77;
-- name: a count of a range
-- try: mk_payments (paid_at)
SELECT count(*), sum(amount) FROM mk_payments WHERE paid_at >= '2024-05-01+00' AND paid_at < '2024-05-03+00';
-- name: equality on a varchar
-- try: mk_payments (ref)
SELECT * FROM mk_payments WHERE ref = 'R777';
-- name: two ranges
-- try: mk_orders (placed_at)
-- try: mk_orders (total)
SELECT id FROM mk_orders WHERE placed_at > '2025-02-15+00' AND total > 100;
-- name: equality and in
-- try: mk_tickets (assignee, state)
-- try: mk_tickets (assignee, priority)
SELECT id FROM mk_tickets WHERE assignee = 'agent9' AND priority IN (1, 2);
-- name: equality and order
-- try: mk_events (user_id, at)
SELECT id, kind FROM mk_events WHERE user_id = 77 ORDER BY at DESC LIMIT 5;
-- name: equality, range and order
-- try: mk_events (kind, at)
-- try: mk_events (user_id, at)
SELECT id FROM mk_events WHERE kind = 'buy' AND at >= '2025-05-01' ORDER BY at LIMIT 20;
-- name: an order behind an in
-- try: mk_events (at)
-- try: mk_events (kind, at)
SELECT id FROM mk_events WHERE kind IN ('buy', 'login') ORDER BY at DESC LIMIT 20;
-- name: distinct values
SELECT DISTINCT category FROM mk_products;
-- name: a limit without an order
-- try: mk_customers (city)
SELECT id FROM mk_customers WHERE city = 'city299' LIMIT 5;
-- name: a limit of what is everywhere
SELECT id FROM mk_orders WHERE status = 'done' LIMIT 5;
-- name: most have it
SELECT id FROM mk_orders WHERE status = 'done' AND archived;
-- name: an offset
-- try: mk_products (category, price)
SELECT id, title FROM mk_products WHERE category = 'category3' ORDER BY price LIMIT 10 OFFSET 20;
-- name: greatest n of a category
-- try: mk_products (brand, price)
SELECT id FROM mk_products WHERE brand = 'brand13' ORDER BY price DESC LIMIT 3;
-- name: a computed constant
-- try: mk_orders (placed_at)
SELECT id FROM mk_orders WHERE placed_at > timestamptz '2025-02-20+00' - interval '2 days';
-- name: a pattern put together
-- try: mk_orders (code)
SELECT id FROM mk_orders WHERE code LIKE 'A0001' || '%';
-- name: coalesce
-- try: mk_orders ((coalesce(note, '')))
SELECT id FROM mk_orders WHERE coalesce(note, '') = 'gift';
-- name: a case of two equal columns
-- try: mk_orders (customer_id)
SELECT id FROM mk_orders WHERE customer_id = 7 AND customer_id = 7;
-- name: join with using
-- try: mk_orders (customer_id) ; mk_tickets (customer_id)
SELECT o.id, t.id FROM mk_orders AS o JOIN mk_tickets AS t USING (customer_id) WHERE o.customer_id = 98;
-- name: deleting a parent
-- check: mk_payments (order_id)
DELETE FROM mk_orders WHERE id = 4;
-- name: exclusion by a boolean and an order
-- try: mk_orders (placed_at) WHERE NOT archived
-- try: mk_orders (archived, placed_at)
SELECT id FROM mk_orders WHERE NOT archived ORDER BY placed_at LIMIT 15;
