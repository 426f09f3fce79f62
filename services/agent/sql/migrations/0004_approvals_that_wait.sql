-- What waits for a person's word, in the order in which operators page through it: little, beside all that was decided.

create index approvals_waiting on approvals (tenant, approval_id) where status = 'pending';
