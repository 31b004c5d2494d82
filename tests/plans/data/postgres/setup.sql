-- The tables of the recorded statements. Replaces everything in schema public.
DROP SCHEMA IF EXISTS public CASCADE;
CREATE SCHEMA public;

CREATE TABLE customers (id int PRIMARY KEY, name text, region text);
CREATE TABLE orders (
    id int PRIMARY KEY,
    customer_id int REFERENCES customers (id),
    total numeric(10, 2),
    status text,
    placed date,
    note text
);
INSERT INTO customers
SELECT g, 'c' || g, (ARRAY['US', 'DE', 'FR'])[1 + g % 3] FROM generate_series(1, 500) g;
INSERT INTO orders
SELECT g, 1 + g % 500, g % 97, (ARRAY['open', 'paid', 'sent'])[1 + g % 3],
       date '2025-01-01' + g % 300, 'n' || g
FROM generate_series(1, 20000) g;
CREATE INDEX orders_customer ON orders (customer_id);
CREATE INDEX orders_status_placed ON orders (status, placed);

CREATE TABLE "My Table" ("a:b" int PRIMARY KEY, "it's" text, j jsonb);
INSERT INTO "My Table" SELECT g, 'x' || g, '{"a":{"b":1}}' FROM generate_series(1, 200) g;
CREATE INDEX "My Index" ON "My Table" ("it's");

CREATE TABLE parts (id int, k int, v text) PARTITION BY RANGE (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
INSERT INTO parts SELECT g, g % 200, 'v' || g FROM generate_series(1, 2000) g;

CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER "on: change" BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();

CREATE TABLE big AS
SELECT g AS id, g % 1000 AS k, repeat('x', 20) AS pad FROM generate_series(1, 120000) g;

ANALYZE;
