-- Statements of the session service, by name. The row lock on `sessions`, held to the commit, is what makes the order
-- of the log the order of events: every statement that changes a conversation runs under it.

-- name: insert_session
insert into sessions (id, tenant, user_id, thread_id, metadata, idempotency_key, created_at, updated_at, last_activity)
values ($1, $2, $3, $4, $5, $6, $7, $7, $7)
on conflict do nothing
returning *

-- name: get_session
select * from sessions where tenant = $1 and id = $2

-- name: get_session_by_key
select * from sessions where tenant = $1 and idempotency_key = $2

-- name: list_sessions
select *, count(*) over () as total from sessions
where tenant = $1 and ($2::text is null or user_id = $2) and ($3::text is null or status = $3)
order by created_at desc, id desc
limit $4 offset $5

-- name: count_sessions
select count(*) from sessions
where tenant = $1 and ($2::text is null or user_id = $2) and ($3::text is null or status = $3)

-- name: lock_session
select * from sessions where tenant = $1 and id = $2 for update

-- name: lock_session_of_turn
select s.* from sessions s join turns t on t.session_id = s.id
where s.tenant = $1 and t.id = $2
for update of s

-- name: lock_session_of_message
select s.* from sessions s join messages m on m.session_id = s.id
where s.tenant = $1 and m.id = $2
for update of s

-- name: lock_idle
-- Sessions that nobody has needed for long and that nobody is changing at this moment.
select * from sessions
where tenant = $1 and status <> 'active' and last_activity < $2
order by last_activity
limit $3
for update skip locked

-- name: delete_session
delete from sessions where id = $1

-- name: delete_events
delete from session_events where session_id = $1

-- name: open_tickets
select * from tickets where session_id = any($1::text[]) and status = 'open'

-- name: insert_ticket
insert into tickets (id, session_id, reasons, category, priority, created_at) values ($1, $2, $3, $4, $5, $6)

-- name: close_ticket
update tickets set status = 'closed', closed_at = $2 where session_id = $1 and status = 'open'

-- name: set_feedback
update messages set feedback = $3 where session_id = $1 and id = $2

-- name: lock_claimable
-- The oldest turn that nobody holds, whose session nobody is changing at this moment.
select s.* from turns t join sessions s on s.id = t.session_id
where t.status in ('queued', 'running') and t.lease_until <= now() and t.attempt - t.spared < $1
order by t.created_at
limit 1
for update of s skip locked

-- name: lock_exhausted
-- A turn whose last attempt's lease ran out.
select s.* from turns t join sessions s on s.id = t.session_id
where t.status in ('queued', 'running') and t.lease_until <= now() and t.attempt - t.spared >= $1
order by t.created_at
limit 1
for update of s skip locked

-- name: open_turn
select * from turns where session_id = $1 and status in ('queued', 'running')

-- name: get_turn
select * from turns where id = $1

-- name: insert_turn
insert into turns (id, session_id, status, answers_seq, traceparent, created_at)
values ($1, $2, 'queued', $3, $4, $5)

-- name: lease_turn
update turns
set status = 'running', attempt = attempt + 1, agent_id = $2, claim_id = $3,
    lease_until = now() + make_interval(secs => $4)
where session_id = $1 and status in ('queued', 'running') and lease_until <= now()
returning *

-- name: find_claim
select t.*, s.tenant from turns t join sessions s on s.id = t.session_id
where t.claim_id = $1 and t.agent_id = $2 and t.status = 'running'

-- name: renew_lease
update turns set lease_until = now() + make_interval(secs => $4)
where id = $1 and attempt = $2 and agent_id = $3 and status = 'running'
returning id

-- name: release_turn
update turns
set status = 'queued', agent_id = null, claim_id = null, spared = spared + $2,
    lease_until = now() + make_interval(secs => $3)
where id = $1

-- name: settle_turn
update turns set status = $2, finished_at = $3, claim_id = null, agent_id = null where id = $1

-- name: turns_to_ring
-- Tenants with a turn that waits for an agent: its bell was lost, or its agent was.
select distinct s.tenant from turns t join sessions s on s.id = t.session_id
where t.status in ('queued', 'running') and t.lease_until <= now() and t.attempt - t.spared < $1

-- name: message_by_client_id
select * from messages where session_id = $1 and client_message_id = $2

-- name: message_by_id
select * from messages where session_id = $1 and id = $2

-- name: insert_message
insert into messages (
    id, session_id, seq, role, status, content, client_message_id, turn_id, waiting, attachments, sources, tools_used,
    confidence, processing_time, metadata, created_at
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)

-- name: waiting_seqs
select seq from messages where session_id = $1 and waiting order by seq

-- name: take_up_messages
update messages set turn_id = $2, waiting = false where session_id = $1 and seq = any($3::bigint[])

-- name: stop_waiting
update messages set waiting = false where session_id = $1 and waiting

-- name: messages_of_turn
select * from messages where session_id = $1 and turn_id = $2 and role = 'user' order by seq

-- name: messages_before_turn
select * from messages
where session_id = $1 and turn_id is distinct from $2 and not waiting and status <> 'failed'
order by seq desc
limit $3

-- name: history_ascending
select * from messages where session_id = $1 and seq > $2 order by seq limit $3 offset $4

-- name: history_descending
select * from messages where session_id = $1 and seq > $2 order by seq desc limit $3 offset $4

-- name: count_messages
select count(*) from messages where session_id = $1 and seq > $2

-- name: insert_events
-- In the order of ev_seq, which is then the order of id, by which the relay publishes.
insert into session_events (session_id, tenant, created_at, ev_seq, type, version, payload, final)
select $1, $2, $3, event.*
from unnest($4::bigint[], $5::text[], $6::int[], $7::text[], $8::bool[]) as event (ev_seq, type, version, payload, final)
order by event.ev_seq

-- name: log_and_update_session
with logged as (
    insert into session_events (session_id, tenant, created_at, ev_seq, type, version, payload, final)
    select $1, $2, $3, event.*
    from unnest($4::bigint[], $5::text[], $6::int[], $7::text[], $8::bool[])
        as event (ev_seq, type, version, payload, final)
    order by event.ev_seq
)
update sessions
set status = $9, control_epoch = $10, last_seq = $11, last_ev_seq = $12, updated_at = $13, last_activity = $14
where id = $1

-- name: events_after
select ev_seq, type, version, payload, created_at from session_events
where session_id = $1 and ev_seq > $2
order by ev_seq
limit $3

-- name: relay_lock
-- One relay at a time, for as long as this connection lives.
select pg_try_advisory_lock(hashtext('deskbus.session.relay'))

-- name: unpublished_events
select id, session_id, ev_seq, tenant, type, version, payload, created_at, final from session_events
where not published
order by id
limit $1

-- name: mark_published
update session_events set published = true where id = any($1::bigint[])
