-- The rows of each table, from the first to the last number of one transaction.
-- customers 21000
INSERT INTO mk_customers
SELECT n, 'User' || n || '@Example.com', 'Name ' || (n * 7919) % 9000, (array['US','US','US','US','DE','DE','FR','GB','JP','BR'])[1 + (n * 31 % 1009) % 10],
       'city' || (n % 300), 'Z' || (n % 300), CASE WHEN n % 50 = 0 THEN 'gold' WHEN n % 7 = 0 THEN 'silver' ELSE 'basic' END,
       timestamptz '2023-01-01' + (n * 7907 % 21001) * interval '1 hour', CASE WHEN n % 20 = 0 THEN timestamptz '2025-06-01' + n * interval '1 minute' END,
       n % 40 <> 3, (n * 613) % 1000, jsonb_build_object('lang', (array['en','de','fr'])[1 + n % 3], 'plan', 'p' || n % 500), CASE WHEN n % 30 = 0 THEN n / 30 END
FROM generate_series(:'first'::int, :'last'::int) n;
-- orders 60000
INSERT INTO mk_orders
SELECT n, 1 + (n * 7919) % 20000, CASE WHEN n % 100 = 7 THEN 'failed' WHEN n % 400 = 9 THEN 'stuck' WHEN n % 20 = 3 THEN 'open' ELSE 'done' END,
       timestamptz '2024-01-01' + n * interval '10 minutes', date '2024-01-01' + n / 144, ((n * 373) % 100000) / 100.0, 'A' || lpad(((n * 37) % 60000)::text, 6, '0'),
       CASE WHEN n % 10 <> 3 THEN timestamptz '2024-01-03' + n * interval '10 minutes' END, n <= 58000, CASE WHEN n % 90 = 0 THEN 'gift' END
FROM generate_series(:'first'::int, :'last'::int) n;
-- items 60000
INSERT INTO mk_items SELECT 1 + n / 2, 1 + n % 2, 1 + (n * 131) % 9000, 1 + n % 9, ((n * 17) % 9900) / 100.0
FROM generate_series(:'first'::int, :'last'::int) n;
-- products 9000
INSERT INTO mk_products
SELECT n, 'SKU-' || lpad(n::text, 5, '0'), 'Title ' || (n * 31 % 4000), 'category' || n % 40, 'brand' || (n * 13) % 250, ((n * 77) % 50000) / 100.0, n % 60 = 0,
       jsonb_build_object('color', (array['red','green','blue','black'])[1 + n % 4], 'size', n % 12), n % 30 * interval '1 day', decode(lpad(to_hex(n), 8, '0'), 'hex')
FROM generate_series(:'first'::int, :'last'::int) n;
-- events 45000
INSERT INTO mk_events
SELECT n, timestamp '2025-01-01' + n * interval '5 minutes', (array['view','view','view','view','cart','buy','login','view','view','view'])[1 + n % 10], (n * 7919) % 3000,
       jsonb_build_object('page', 'p' || n % 700, 'ms', n % 1000), CASE WHEN n <= 44600 OR n % 8 <> 1 THEN timestamp '2025-01-02' + n * interval '5 minutes' END
FROM generate_series(:'first'::int, :'last'::int) n;
-- sessions 12000
INSERT INTO mk_sessions
SELECT n, (n * 7919) % 3000, timestamp '2025-01-01' + n * interval '18 minutes', timestamp '2025-01-01' + n * interval '18 minutes' + (n % 50) * interval '1 minute',
       '10.' || n % 200 || '.' || n % 30 || '.' || n % 7, md5(n::text)
FROM generate_series(:'first'::int, :'last'::int) n;
-- payments 45000
INSERT INTO mk_payments
SELECT n, 1 + (n * 4 / 3) % 60000, (array['card','card','card','transfer','cash'])[1 + n % 5], ((n * 373) % 90000) / 100.0, timestamptz '2024-01-01' + n * interval '13 minutes', 'R' || n
FROM generate_series(:'first'::int, :'last'::int) n;
-- tickets 21000
INSERT INTO mk_tickets
SELECT n, 1 + (n * 97) % 20000, 'agent' || n % 60, 1 + n % 5, CASE WHEN n > 20600 OR n % 700 = 0 THEN 'open' WHEN n % 9 = 0 THEN 'waiting' ELSE 'closed' END,
       timestamptz '2024-06-01' + n * interval '20 minutes', CASE WHEN n <= 20600 AND n % 700 <> 0 THEN timestamptz '2024-06-02' + n * interval '20 minutes' END, 'Subject ' || n % 5000
FROM generate_series(:'first'::int, :'last'::int) n;
-- settings 20
INSERT INTO mk_settings SELECT 'setting' || n, 'on' FROM generate_series(:'first'::int, :'last'::int) n;
