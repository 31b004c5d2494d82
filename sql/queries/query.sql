-- Chapter 7: what one region's active accounts of one type and tier carry, from the last year.
-- Run it with psql -f; -v region_code=DE and so on give other values.
\if :{?metadata_key} \else \set metadata_key account_tier_1 \endif
\if :{?account_type} \else \set account_type savings \endif
\if :{?region_code} \else \set region_code US \endif
\if :{?status} \else \set status active \endif

SELECT metadata_key, metadata_value
FROM accounts7
WHERE account_type = :'account_type'
  AND region_code = :'region_code'
  AND status = :'status'
  AND metadata_key = :'metadata_key'
  AND created_at <= CURRENT_TIMESTAMP
  AND created_at > CURRENT_TIMESTAMP - INTERVAL '1 year';
