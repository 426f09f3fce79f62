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

-- name: list_sessions_after
select * from sessions
where tenant = $1 and ($2::text is null or user_id = $2) and ($3::text is null or status = $3)
    and (created_at, id) < ($4::timestamptz, $5::text)
order by created_at desc, id desc
limit $6

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
insert into tickets (
    id, session_id, tenant, reasons, category, priority, created_at, operator, claimed_at, summary, sources, seq,
    score, evidence
) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)

-- name: claim_ticket
update tickets set operator = $2, claimed_at = $3 where id = $1

-- name: close_ticket
update tickets set status = 'closed', closed_at = $2 where session_id = $1 and status = 'open'

-- name: get_ticket
select * from tickets where tenant = $1 and id = $2

-- name: list_tickets
select * from tickets
where tenant = $1 and ($2::text is null or status = $2) and ($3::bool is null or (operator is not null) = $3)
order by rank, created_at, id
limit $4

-- name: list_tickets_after
select * from tickets
where tenant = $1 and ($2::text is null or status = $2) and ($3::bool is null or (operator is not null) = $3)
    and (rank, created_at, id) > ($5::smallint, $6::timestamptz, $7::text)
order by rank, created_at, id
limit $4

-- name: count_tickets
select count(*) from tickets
where tenant = $1 and ($2::text is null or status = $2) and ($3::bool is null or (operator is not null) = $3)

-- name: messages_for_hand_over
-- The first question and the last messages; one may be both.
(select * from messages where session_id = $1 and role = 'user' order by seq limit 1)
union all
(select * from messages where session_id = $1 order by seq desc limit $2)
order by seq

-- name: insert_note
insert into notes (session_id, id, content, operator, created_at) values ($1, $2, $3, $4, $5)

-- name: get_note
select * from notes where session_id = $1 and id = $2

-- name: list_notes
select * from notes
where session_id = $1
    and ($2::text is null or (created_at, id) > (select created_at, id from notes where session_id = $1 and id = $2))
order by created_at, id
limit $3

-- name: last_notes
select * from notes where session_id = $1 order by created_at desc, id desc limit $2

-- name: set_feedback
update messages set feedback = $3 where session_id = $1 and id = $2

-- name: question_of
-- What a turn has answered, in the customer's words.
select left(string_agg(content, E'\n' order by seq), 2000) from messages
where session_id = $1 and turn_id = $2 and role = 'user'

-- name: lock_claimable
-- The oldest turn that nobody holds, whose session nobody is changing at this moment.
select s.* from turns t join sessions s on s.id = t.session_id
where t.status in ('queued', 'running') and t.lease_until <= now() and t.attempt - t.spared < $1
    and t.cancel_by is null and t.expires_at > now()
order by t.created_at
limit 1
for update of s skip locked

-- name: lock_sealable
-- A turn that nobody is going to answer: called off and not ended in time, past its deadline, or out of attempts. What
-- is seen here of the turn may be older than the lock: who seals it looks again.
select s.* from turns t join sessions s on s.id = t.session_id
where t.status in ('queued', 'running')
    and case when t.cancel_by is null
        then t.expires_at <= now() or (t.lease_until <= now() and t.attempt - t.spared >= $1)
        else t.cancel_by <= now() end
order by t.created_at
limit 1
for update of s skip locked

-- name: open_turn
select *, status = 'running' and lease_until > now() as held,
    status = 'queued' and attempt = 0 and lease_until > now() as joinable,
    cancel_by is not null as cancelling, coalesce(cancel_by <= now(), false) as overdue, expires_at <= now() as expired,
    array(select seq from messages where session_id = turns.session_id and waiting order by seq) as waiting,
    exists (
        select from messages
        where turn_id = turns.id and role = 'system' and metadata ->> 'decision' = 'approved'
    ) as acting
from turns
where session_id = $1 and status in ('queued', 'running')

-- name: get_turn
select *, status = 'running' and lease_until > now() as held,
    status = 'queued' and attempt = 0 and lease_until > now() as joinable,
    cancel_by is not null as cancelling, coalesce(cancel_by <= now(), false) as overdue, expires_at <= now() as expired,
    array(select seq from messages where session_id = turns.session_id and waiting order by seq) as waiting,
    exists (
        select from messages
        where turn_id = turns.id and role = 'system' and metadata ->> 'decision' = 'approved'
    ) as acting
from turns
where id = $1

-- name: has_turn
select true from turns where session_id = $1 and id = $2

-- name: join_turn
update turns set answers_seq = $2 where id = $1

-- name: call_off_turn
update turns set cancel_by = coalesce(cancel_by, now() + make_interval(secs => $2)) where id = $1

-- name: lease_turn
update turns
set status = 'running', attempt = attempt + 1, agent_id = $2, claim_id = $3,
    lease_until = now() + make_interval(secs => $4)
where session_id = $1 and status in ('queued', 'running') and lease_until <= now()
    and cancel_by is null and expires_at > now()
returning *

-- name: find_claim
select t.*, s.tenant from turns t join sessions s on s.id = t.session_id
where t.claim_id = $1 and t.agent_id = $2 and t.status = 'running'

-- name: renew_lease
update turns set lease_until = now() + make_interval(secs => $4)
where id = $1 and attempt = $2 and agent_id = $3 and status = 'running' and expires_at > now()
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
    and t.cancel_by is null and t.expires_at > now()

-- name: message_by_client_id
select * from messages where session_id = $1 and client_message_id = $2

-- name: message_by_id
select * from messages where session_id = $1 and id = $2

-- name: waiting_seqs
select seq from messages
where session_id = $1 and waiting and (not $2 or (role = 'system' and metadata ->> 'decision' = 'approved'))
order by seq

-- name: take_up_messages
update messages set turn_id = $2, waiting = false where session_id = $1 and seq = any($3::bigint[])

-- name: wait_again
update messages set turn_id = null, waiting = true where session_id = $1 and seq = any($2::bigint[])

-- name: stop_waiting
-- What people have answered waits no more. An action that a colleague has allowed does, until the session ends.
update messages set waiting = false
where session_id = $1 and waiting
    and ($2 or role <> 'system' or metadata ->> 'decision' is distinct from 'approved')

-- name: messages_for_turn
-- What a turn answers, customers' messages and colleagues' decisions, and the last messages that are not its own and
-- worth reading.
(select *, true as asked from messages where session_id = $1 and turn_id = $2 and role in ('user', 'system'))
union all
(
    select *, false as asked from messages
    where session_id = $1 and turn_id is distinct from $2 and not waiting and status <> 'failed' and content <> ''
    order by seq desc
    limit $3
)
order by seq

-- name: history_ascending
select * from messages where session_id = $1 and seq > $2 and seq < $3 order by seq limit $4 offset $5

-- name: history_descending
select * from messages where session_id = $1 and seq > $2 and seq < $3 order by seq desc limit $4 offset $5

-- name: count_messages
select count(*) from messages where session_id = $1 and seq > $2 and seq < $3

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

-- name: write_change
-- All of a change but what it does to what was there before: a round trip instead of one for each table. A turn that
-- is settled here must not leave its place to one that is opened here: the index that allows one would not see it go.
with settled as (
    update turns set status = $35, finished_at = $3, claim_id = null, agent_id = null where id = $34
), added as (
    insert into messages (
        session_id, created_at, id, seq, role, status, content, client_message_id, turn_id, waiting, attachments,
        sources, tools_used, confidence, processing_time, metadata
    )
    select $1, $3, id, seq, role, status, content, client_message_id, turn_id, waiting, attachments::json,
        sources::json, tools_used::json, confidence, processing_time, metadata::json
    from unnest(
        $15::text[], $16::bigint[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::bool[],
        $23::text[], $24::text[], $25::text[], $26::float8[], $27::float8[], $28::text[]
    ) as message (
        id, seq, role, status, content, client_message_id, turn_id, waiting, attachments, sources, tools_used,
        confidence, processing_time, metadata
    )
), opened as (
    -- where there is a window, the turn can be claimed so long after its first message
    insert into turns (id, session_id, status, answers_seq, traceparent, created_at, lease_until, expires_at)
    select $29, $1, 'queued', $30::bigint[], $31, $3,
        case when $32::float8 > 0
            then least(now(), (select min(created_at) from messages where session_id = $1 and seq = any($30)))
                + make_interval(secs => $32)
            else '-infinity' end,
        now() + make_interval(secs => $33)
    where $29::text is not null
    returning case when $32 > 0 then greatest(0, extract(epoch from lease_until - now()))::float8 else 0 end as opens_in
), logged as (
    insert into session_events (session_id, tenant, created_at, ev_seq, type, version, payload, final)
    select $1, $2, $3, event.*
    from unnest($4::bigint[], $5::text[], $6::int[], $7::text[], $8::bool[])
        as event (ev_seq, type, version, payload, final)
    order by event.ev_seq
)
update sessions
set status = $9, control_epoch = $10, last_seq = $11, last_ev_seq = $12, updated_at = $13, last_activity = $14
where id = $1
returning (select opens_in from opened)

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
