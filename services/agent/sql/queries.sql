-- Statements of the agent, by name.

-- name: lock_session
select pg_advisory_xact_lock(hashtextextended('agent.memories/' || $1::text || '/' || $2::text, 0))

-- name: is_forgotten
select exists (select from forgotten_sessions where tenant = $1 and session_id = $2)

-- name: learn
insert into memories (tenant, session_id, kind, value, seq)
values ($1, $2, $3, $4, $5)
on conflict (tenant, session_id, kind, value) do update set seq = greatest(memories.seq, excluded.seq)

-- name: drop_oldest
delete from memories where memory_id in (
    select memory_id from memories where tenant = $1 and session_id = $2 order by seq desc, memory_id desc offset $3
)

-- name: recall
select kind, value, seq from memories where tenant = $1 and session_id = $2 order by seq, memory_id

-- name: forget
delete from memories where tenant = $1 and session_id = $2

-- name: mark_forgotten
insert into forgotten_sessions (tenant, session_id) values ($1, $2) on conflict do nothing

-- name: drop_old_marks
delete from forgotten_sessions where forgotten_at < now() - interval '7 days'
