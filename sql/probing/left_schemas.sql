-- Schemas that `dsqlkit probe` made: of a run that was killed, or is under way.
SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'dsqlkit_probe_') ORDER BY nspname
