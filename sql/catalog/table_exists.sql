-- Whether a table of that name is in schema public.
\if :{?table} \else \set table accounts \endif

SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'public' AND tablename = :'table');
