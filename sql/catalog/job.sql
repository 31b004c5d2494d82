-- How one asynchronous job stands; on failure `details` says why.
\if :{?job_id} \else \set job_id '' \endif

SELECT status, details FROM sys.jobs WHERE job_id = :'job_id';
