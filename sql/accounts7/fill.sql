-- Chapter 7: rows first_id to last_id. The parts are independent of each other, so that of 5,000
-- rows the chapter's query finds 5000 * 4/5 * 1/4 * 9/10 * 1/5 = 180. At most 3,000 rows fit into
-- one transaction. Dates lie within the last 364 days, as the query asks for the last year, and
-- count from midnight: filling it twice on one day, or by two at once, adds nothing.
\if :{?first_id} \else \set first_id 1 \endif
\if :{?last_id} \else \set last_id 2500 \endif

INSERT INTO accounts7 (
    id, account_type, region_code, status, created_at, balance, metadata_key, metadata_value
)
SELECT
    n,
    CASE WHEN (n / 20) % 5 < 4 THEN 'savings' ELSE 'checking' END,
    (ARRAY['US', 'UK', 'DE', 'FR'])[1 + (n / 5) % 4],
    CASE WHEN (n / 100) % 10 < 9 THEN 'active' ELSE 'inactive' END,
    date_trunc('day', CURRENT_TIMESTAMP) - ((n * 7919) % 31363200) * INTERVAL '1 second',
    ((n * 7907) % 1000001)::decimal / 100,
    'account_tier_' || (1 + n % 5),
    'tier_' || (1 + n % 5) || '_metadata'
FROM generate_series(:'first_id'::int, :'last_id'::int) AS numbers (n)
ON CONFLICT (id, created_at) DO NOTHING;
