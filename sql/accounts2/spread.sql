-- Chapter 6: how evenly these keys lie: the key space in 16 equal parts, by the first hex digit.
\if :{?ids} \else \set ids '{6f9619ff-8b86-4011-b42d-00c04fc964ff}' \endif

SELECT left(id::text, 1) AS sixteenth, count(*)
FROM accounts2
WHERE id = ANY (:'ids'::uuid[])
GROUP BY 1
ORDER BY 1;
