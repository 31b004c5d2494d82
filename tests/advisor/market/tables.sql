-- A market of nine tables, for the advisor's acceptance set. Skew, correlation, soft deletes, queues,
-- documents, moments with and without a zone, names that share beginnings. Values are computed, so
-- that every run has the same. `:first` and `:last` bound the rows of one transaction.
CREATE TABLE mk_customers (
    id int PRIMARY KEY, email varchar(80), name text, country text, city text, zip text, tier varchar(10),
    signup_at timestamptz, deleted_at timestamptz, active boolean, score int, profile jsonb, referrer_id int
);
CREATE TABLE mk_orders (
    id bigint PRIMARY KEY, customer_id int, status text, placed_at timestamptz, day date, total numeric(10, 2),
    code text, shipped_at timestamptz, archived boolean, note text
);
CREATE TABLE mk_items (
    order_id bigint, line int, product_id int, quantity int, price numeric(8, 2), PRIMARY KEY (order_id, line)
);
CREATE TABLE mk_products (
    id int PRIMARY KEY, sku text, title text, category text, brand text, price numeric(8, 2), discontinued boolean,
    attributes jsonb, lead_time interval, picture bytea
);
CREATE TABLE mk_events (
    id bigint PRIMARY KEY, at timestamp, kind text, user_id int, payload jsonb, processed_at timestamp
);
CREATE TABLE mk_sessions (
    id int PRIMARY KEY, user_id int, started_at timestamp, ended_at timestamp, ip text, token text
);
CREATE TABLE mk_payments (
    id bigint PRIMARY KEY, order_id bigint REFERENCES mk_orders (id), method text, amount numeric(10, 2),
    paid_at timestamptz, ref varchar(20)
);
CREATE TABLE mk_tickets (
    id int PRIMARY KEY, customer_id int, assignee text, priority int, state text, opened_at timestamptz,
    closed_at timestamptz, subject text
);
CREATE TABLE mk_settings (name text PRIMARY KEY, value text);
CREATE VIEW mk_open_tickets AS SELECT * FROM mk_tickets WHERE state = 'open';
CREATE VIEW mk_order_totals AS
SELECT o.id, o.customer_id, o.placed_at, i.product_id, i.quantity * i.price AS amount
FROM mk_orders AS o JOIN mk_items AS i ON i.order_id = o.id;
