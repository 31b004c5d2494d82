-- A shop of five tables, with what makes an index worth it or not: skewed and even values, NULLs,
-- dates, names that share beginnings, a partial index, and keys that answer some queries already.
-- Each INSERT is one transaction of at most 3,000 rows.
CREATE TABLE shop_customers (
    id int PRIMARY KEY, email varchar(60), region varchar(20), tier varchar(10), joined date,
    vip boolean, note text
);
CREATE TABLE shop_orders (
    id bigint PRIMARY KEY, customer_id int, status varchar(10), placed timestamptz, total numeric(10, 2),
    shipped date, code text
);
CREATE TABLE shop_items (
    order_id bigint, line int, product_id int, quantity int, PRIMARY KEY (order_id, line)
);
CREATE TABLE shop_products (
    id int PRIMARY KEY, sku text, category varchar(20), price numeric(8, 2), details jsonb
);
CREATE TABLE shop_settings (name text, value text);

INSERT INTO shop_customers
SELECT n, 'user' || n || '@example.com', 'region' || n % 40, CASE WHEN n % 4 = 0 THEN 'gold' ELSE 'basic' END,
       date '2020-01-01' + n % 1500, n % 100 = 0, repeat('note ', 8)
FROM generate_series(1, 3000) n;

INSERT INTO shop_orders
SELECT n, 1 + (n * 7) % 3000, CASE WHEN n % 50 = 0 THEN 'open' ELSE 'closed' END,
       timestamptz '2025-01-01' + n * interval '1 hour', (n % 1000)::numeric,
       CASE WHEN n % 25 <> 0 THEN date '2025-01-01' + n / 24 END, 'A' || lpad((n * 37 % 6000)::text, 5, '0')
FROM generate_series(1, 3000) n;

INSERT INTO shop_orders
SELECT n, 1 + (n * 7) % 3000, CASE WHEN n % 50 = 0 THEN 'open' ELSE 'closed' END,
       timestamptz '2025-01-01' + n * interval '1 hour', (n % 1000)::numeric,
       CASE WHEN n % 25 <> 0 THEN date '2025-01-01' + n / 24 END, 'A' || lpad((n * 37 % 6000)::text, 5, '0')
FROM generate_series(3001, 6000) n;

INSERT INTO shop_items
SELECT 1 + n / 2, 1 + n % 2, 1 + (n * 13) % 800, 1 + n % 9 FROM generate_series(0, 2999) n;

INSERT INTO shop_items
SELECT 1 + n / 2, 1 + n % 2, 1 + (n * 13) % 800, 1 + n % 9 FROM generate_series(3000, 5999) n;

INSERT INTO shop_products
SELECT n, 'SKU-' || n, 'category' || n % 16, nullif(n % 20, 0), '{"weight": 1}' FROM generate_series(1, 2000) n;

INSERT INTO shop_settings SELECT 'setting' || n, 'on' FROM generate_series(1, 12) n;

CREATE INDEX ASYNC shop_products_sku ON shop_products (sku) INCLUDE (price);
CREATE INDEX ASYNC shop_customers_region ON shop_customers (region);
CREATE INDEX ASYNC shop_orders_not_shipped ON shop_orders (customer_id) INCLUDE (shipped, total) WHERE shipped IS NULL;
ANALYZE shop_customers;
ANALYZE shop_orders;
ANALYZE shop_items;
ANALYZE shop_products;
ANALYZE shop_settings;
