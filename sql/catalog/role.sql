-- Whether a database role exists, whether it may log in, and whether an IAM identity is mapped to it.
\if :{?role} \else \set role teller \endif
\if :{?arn} \else \set arn '' \endif

SELECT r.rolcanlogin AS may_log_in,
       EXISTS (SELECT FROM sys.iam_pg_role_mappings AS m
               WHERE m.pg_role_name = r.rolname AND m.arn = :'arn') AS is_mapped
FROM pg_roles AS r
WHERE r.rolname = :'role';
