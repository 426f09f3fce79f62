-- Statements of the agent, by name.

-- --- memories. Whoever changes those of a session takes its lock, and then that of its user: so nothing is learned after
-- it was forgotten or erased, and caps hold.

-- name: lock_session
select pg_advisory_xact_lock(hashtextextended('agent.memories/' || $1::text || '/' || $2::text, 0))

-- name: lock_user
select pg_advisory_xact_lock(hashtextextended('agent.users/' || $1::text || '/' || $2::text, 0))

-- name: is_forgotten
select exists (select from forgotten_sessions where tenant = $1 and session_id = $2)

-- name: what_may_be_learned
-- A statement of its own, after the locks: it must see what was committed while they were waited for.
select
    exists (select from forgotten_sessions where tenant = $1 and session_id = $2) as forgotten,
    exists (select from contexts where tenant = $1 and session_id = $2 and ended_at is not null) as ended,
    (select erased_at from erased_users where tenant = $1 and user_id = $3::text) as erased_at

-- name: learn
-- What is told again is used: only when and where it was told last changes, and only where this telling is the later one.
insert into memories as known (
    memory_id, tenant, scope, owner, user_id, told_in, kind, label, value, content_hash, importance, seq, told_at
)
select
    told.memory_id, $1, told.scope, case told.scope when 'user' then $3::text else $2::text end, $3::text, array[$2::text],
    told.kind, told.label, told.value, told.content_hash, told.importance, told.seq, coalesce(told.told_at, now())
from unnest(
    $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bytea[], $10::float8[], $11::int[], $12::timestamptz[]
) as told (memory_id, scope, kind, label, value, content_hash, importance, seq, told_at)
on conflict (tenant, scope, owner, content_hash) do update set
    told_in = case
        when excluded.told_at >= known.told_at
            then (array_remove(known.told_in, $2) || $2)[cardinality(array_remove(known.told_in, $2)) - 8:]
        when known.told_in @> array[$2] or cardinality(known.told_in) >= 10 then known.told_in
        else array[$2] || known.told_in
    end,
    seq = case
        when (excluded.told_at, excluded.seq) > (known.told_at, known.seq) then excluded.seq else known.seq
    end,
    told_at = greatest(known.told_at, excluded.told_at),
    last_used_at = now()
returning memory_id, label, xmax = 0 as fresh

-- name: drop_least
delete from memories where memory_id in (
    select memory_id from memories where tenant = $1 and scope = $2 and owner = $3
    order by decayed(importance, last_used_at, now()) desc, told_at desc, seq desc, memory_id desc
    offset $4
)
returning memory_id

-- name: user_of
select coalesce(
    (select user_id from contexts where tenant = $1 and session_id = $2),
    (select user_id from memories where tenant = $1 and told_in @> array[$2::text] and user_id is not null limit 1)
)

-- name: use_context
-- Once in an hour.
update contexts set used_at = now() where tenant = $1 and session_id = $2 and used_at < now() - interval '1 hour'

-- name: recall
-- Of the user ($3, at most $4): what was told in this session, what its context names, and what was told or used since
-- that was prepared; where none was, all. The session's own in full.
with context as (
    select memory_ids, prepared_at from contexts
    where tenant = $1 and session_id = $2 and user_id = $3::text and ended_at is null
),
of_user as (
    select m.*, decayed(m.importance, m.last_used_at, now()) as weight
    from memories m left join context c on true
    where m.tenant = $1 and m.scope = 'user' and m.owner = $3::text
        and (c.prepared_at is null or m.memory_id = any(c.memory_ids) or m.last_used_at > c.prepared_at)
    order by m.told_in @> array[$2::text] desc, weight desc, m.told_at desc, m.memory_id desc
    limit $4
),
known as (
    select * from of_user
    union all
    select m.*, decayed(m.importance, m.last_used_at, now()) from memories m
    where m.tenant = $1 and m.scope = 'session' and m.owner = $2
)
select memory_id, scope, kind, label, value, weight as importance, seq, told_at from known order by told_at, seq, memory_id

-- name: touch
-- Rows that are being changed are left alone: they have just been used, or are about to go.
update memories set last_used_at = now() where memory_id in (
    select memory_id from memories
    where memory_id = any($1::text[]) and last_used_at < now() - interval '1 minute'
    for update skip locked
)

-- name: prepare
insert into contexts (tenant, session_id, user_id, memory_ids)
values ($1, $2, $3::text, array(
    select memory_id from memories where tenant = $1 and scope = 'user' and owner = $3::text
    order by decayed(importance, last_used_at, now()) desc, told_at desc, memory_id desc
    limit $4
))
on conflict do nothing

-- name: clear
delete from memories where tenant = $1 and scope = 'session' and owner = $2 and kind = 'context' returning label

-- name: end_context
-- The mark stays for a while: a session may be seen to end before it is seen to be opened.
insert into contexts (tenant, session_id, ended_at) values ($1, $2, now())
on conflict (tenant, session_id) do update set memory_ids = '{}', ended_at = coalesce(contexts.ended_at, excluded.ended_at)

-- name: forget
delete from memories where tenant = $1 and told_in @> array[$2::text] and cardinality(told_in) = 1 returning label

-- name: forget_telling
-- What other sessions told, too, stays.
update memories set told_in = array_remove(told_in, $2::text) where tenant = $1 and told_in @> array[$2::text]

-- name: forget_context
delete from contexts where tenant = $1 and session_id = $2

-- name: mark_forgotten
insert into forgotten_sessions (tenant, session_id) values ($1, $2) on conflict do nothing

-- name: list_memories
select
    memory_id, kind, label, value, decayed(importance, last_used_at, now()) as importance, created_at, last_used_at,
    told_in[cardinality(told_in)] as session_id
from memories
where tenant = $1 and user_id = $2
order by importance desc, told_at desc, memory_id desc
limit $3

-- name: erase
delete from memories where tenant = $1 and user_id = $2 and ($3::text is null or memory_id = $3)
returning memory_id, label

-- name: erase_from_contexts
update contexts set memory_ids = array(select unnest(memory_ids) except select unnest($3::text[]))
where tenant = $1 and user_id = $2 and memory_ids && $3::text[]

-- name: mark_erased
insert into erased_users (tenant, user_id, erased_at) values ($1, $2, clock_timestamp())
on conflict (tenant, user_id) do update set erased_at = excluded.erased_at

-- name: drop_old_marks
delete from forgotten_sessions where (tenant, session_id) in (
    select tenant, session_id from forgotten_sessions where forgotten_at < now() - interval '7 days'
    order by forgotten_at
    limit $1
    for update skip locked
)

-- name: drop_old_contexts
delete from contexts where (tenant, session_id) in (
    select tenant, session_id from contexts where ended_at < now() - interval '7 days'
    order by ended_at
    limit $1
    for update skip locked
)

-- name: drop_unused_contexts
-- Of sessions that have not ended. Who comes back is known all the same: `recall` chooses among all then.
delete from contexts where (tenant, session_id) in (
    select tenant, session_id from contexts where ended_at is null and used_at < now() - interval '24 hours'
    order by used_at
    limit $1
    for update skip locked
)

-- name: drop_old_erasures
delete from erased_users where (tenant, user_id) in (
    select tenant, user_id from erased_users where erased_at < now() - interval '30 days'
    order by erased_at
    limit $1
    for update skip locked
)

-- --- steps, approvals, usage, events

-- name: share_session
-- Writers of a session side by side, but none beside its forgetting, which takes `lock_session`. A statement of its own:
-- what is checked after it must see what was committed while it waited.
select pg_advisory_xact_lock_shared(hashtextextended('agent.memories/' || $1::text || '/' || $2::text, 0))

-- name: share_sessions
-- The same for many, in one order for all, so that no two wait for each other.
select pg_advisory_xact_lock_shared(key)
from (
    select distinct hashtextextended('agent.memories/' || tenant || '/' || session_id, 0) as key
    from unnest($1::text[], $2::text[]) as session (tenant, session_id)
    order by key
) as keys

-- name: steps_of_turn
select number, attempt, call_id, name, arguments, idempotent, result from steps
where tenant = $1 and turn_id = $2
order by number

-- name: begin_step
-- Under `lock_session`. Gives why not, or null.
with state as (
    select exists (select from forgotten_sessions where tenant = $1 and session_id = $2) as forgotten,
        exists (select from steps where turn_id = $3 and (number = $4 or attempt > $5)) as taken
), begun as (
    insert into steps (tenant, session_id, turn_id, number, attempt, call_id, name, arguments, idempotent, begun_at)
    select $1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp() from state where not (forgotten or taken)
)
select case when forgotten then 'session_deleted' when taken then 'step_taken' end from state

-- name: end_step
-- Without the session's lock: it changes a row that is there, or none, and a forgotten session has none.
update steps set result = $4::json, ended_at = now()
where tenant = $1 and turn_id = $2 and number = $3 and result is null

-- name: request_approval
-- Under `share_session`. No row where the session is forgotten, or the same was asked for before.
insert into approvals (
    approval_id, tenant, session_id, turn_id, fingerprint, call, tool, description, arguments, expires_at
)
select $1, $2, $3, $4, $5, $6::json, $7, $8, $9::json, now() + make_interval(secs => $10)
where not exists (select from forgotten_sessions where tenant = $2 and session_id = $3)
on conflict (turn_id, fingerprint) do nothing
returning *, false as overdue

-- name: approval_of_call
select *, status = 'pending' and expires_at <= now() as overdue from approvals
where tenant = $1 and turn_id = $2 and fingerprint = $3

-- name: get_approval
select *, status = 'pending' and expires_at <= now() as overdue from approvals where tenant = $1 and approval_id = $2

-- name: lock_approval
-- Who is to forget its session waits for the decision, and then finds its event, too; or it came first, and there is none.
select *, status = 'pending' and expires_at <= now() as overdue from approvals
where tenant = $1 and approval_id = $2
for update

-- name: decide_approval
update approvals set status = $3, operator = $4, comment = $5, decided_at = now()
where tenant = $1 and approval_id = $2
returning *, false as overdue

-- name: list_approvals
select *, status = 'pending' and expires_at <= now() as overdue from approvals
where tenant = $1
    and ($2::text is null or case when status = 'pending' and expires_at <= now() then 'expired' else status end = $2)
    and ($3::text is null or session_id = $3) and ($4::text is null or approval_id > $4)
order by approval_id
limit $5

-- name: count_approvals
select count(*) from approvals
where tenant = $1
    and ($2::text is null or case when status = 'pending' and expires_at <= now() then 'expired' else status end = $2)
    and ($3::text is null or session_id = $3)

-- name: list_pending_approvals
-- What waits is little beside what was decided: an index of its own serves it, which `list_approvals` cannot use.
select *, false as overdue from approvals
where tenant = $1 and status = 'pending' and expires_at > now()
    and ($2::text is null or session_id = $2) and ($3::text is null or approval_id > $3)
order by approval_id
limit $4

-- name: count_pending_approvals
select count(*) from approvals
where tenant = $1 and status = 'pending' and expires_at > now() and ($2::text is null or session_id = $2)

-- name: expire_approvals
-- Some that nobody decided in time; as with `lock_approval`, forgetting waits for it or came first.
with late as (
    select approval_id from approvals where status = 'pending' and expires_at <= now()
    order by approval_id
    limit 100
    for update skip locked
)
update approvals as approval set status = 'expired', decided_at = expires_at
from late where approval.approval_id = late.approval_id
returning approval.*, false as overdue

-- name: share_session_lightly
-- `share_session` for what may be lost when the power goes: what was set aside and is not there is settled all the same.
select set_config('synchronous_commit', 'off', true),
    pg_advisory_xact_lock_shared(hashtextextended('agent.memories/' || $1::text || '/' || $2::text, 0))

-- name: reserve
-- Takes from each scope that has room; where one has none, `give_back` follows in the same transaction. The row lock of
-- `spent` makes those who reserve take turns, and the condition of the update is checked against its newest version.
-- All who change several rows of `spent` do so in the order of its key.
with wanted as (
    select scope, key, max_tokens, max_cost
    from (values
        ('session', case when $2::text not in ('', '_')
            and not exists (select from forgotten_sessions where tenant = $1 and session_id = $2) then $2 end,
            $6::bigint, $7::float8::numeric),
        ('tenant', to_char(now(), 'YYYY-MM-DD'), $8::bigint, $9::float8::numeric)
    ) as scopes (scope, key, max_tokens, max_cost)
    where key is not null
), taken as (
    insert into spent as known (tenant, scope, key, tokens, cost)
    select $1::text, scope, key, $4::bigint, $5::float8::numeric from wanted
    where (max_tokens = 0 or $4 <= max_tokens) and (max_cost = 0 or $5::float8::numeric <= max_cost)
    order by scope, key
    on conflict (tenant, scope, key) do update
    set tokens = known.tokens + excluded.tokens, cost = known.cost + excluded.cost
    where exists (
        select from wanted
        where wanted.scope = known.scope and (max_tokens = 0 or known.tokens + excluded.tokens <= max_tokens)
            and (max_cost = 0 or known.cost + excluded.cost <= max_cost)
    )
    returning known.scope
), kept as (
    insert into usage (usage_id, tenant, session_id, reserved_tokens, reserved_cost)
    select $3::text, $1::text, (select key from wanted where scope = 'session'), $4::bigint, $5::float8::numeric
    where not exists (select from wanted where scope not in (select scope from taken))
)
select array(select scope from taken) as taken,
    (select scope from wanted where scope not in (select scope from taken) order by scope limit 1) as passed

-- name: give_back
update spent set tokens = tokens - $3::bigint, cost = cost - $4::float8::numeric
where tenant = $1 and scope = any($5::text[]) and key in ($2, to_char(now(), 'YYYY-MM-DD'))

-- name: spent_in_turn
-- What is set aside names no turn; a session has one at a time.
select coalesce(sum(case when outcome is null then reserved_tokens else prompt_tokens + completion_tokens end), 0)::bigint as tokens,
    coalesce(sum(case when outcome is null then reserved_cost else cost_usd end), 0)::float8 as cost_usd
from usage
where tenant = $1 and session_id = $2 and (turn_id = $3 or outcome is null)

-- name: settle
-- Under `share_sessions`. A call is settled once: one that was settled before is no part of `settled`. What it took
-- replaces what its own row says was set aside, which is nothing where no row is there. Of a forgotten session, and of
-- one whose row has lost its session meanwhile, only the sums are kept.
with entry as (
    select whose.tenant, whose.payload, whose.place, told.*, told.session_id in ('', '_') as nobodys,
        exists (
            select from forgotten_sessions as gone
            where gone.tenant = whose.tenant and gone.session_id = told.session_id
        ) as forgotten
    from unnest($1::text[], $2::text[]) with ordinality as whose (tenant, payload, place)
    cross join lateral json_to_record(whose.payload::json) as told (
        usage_id text, session_id text, turn_id text, attempt int, call int, model text, purpose text, outcome text,
        code text, prompt_tokens bigint, completion_tokens bigint, estimated boolean, cost_usd numeric,
        first_token_ms float8, duration_ms float8
    )
), settled as (
    insert into usage as known (
        usage_id, tenant, session_id, turn_id, attempt, call, model, purpose, outcome, code, prompt_tokens,
        completion_tokens, estimated, cost_usd, first_token_ms, duration_ms, settled_at
    )
    select usage_id, tenant, case when not (nobodys or forgotten) then session_id end,
        case when not (nobodys or forgotten) then turn_id end, attempt, call, model, purpose, outcome, code,
        prompt_tokens, completion_tokens, estimated, cost_usd, first_token_ms, duration_ms, now()
    from entry
    order by place
    on conflict (usage_id) do update
    set turn_id = case when known.session_id is not null then excluded.turn_id end, attempt = excluded.attempt,
        call = excluded.call, model = excluded.model, purpose = excluded.purpose, outcome = excluded.outcome,
        code = excluded.code, prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens,
        estimated = excluded.estimated, cost_usd = excluded.cost_usd, first_token_ms = excluded.first_token_ms,
        duration_ms = excluded.duration_ms, settled_at = excluded.settled_at
    where known.outcome is null
    returning usage_id, tenant, session_id, day, prompt_tokens + completion_tokens - reserved_tokens as tokens,
        cost_usd - reserved_cost as cost
), counted as (
    insert into spent as known (tenant, scope, key, tokens, cost)
    select tenant, scope, key, sum(tokens), sum(cost)
    from settled
    cross join lateral (values ('session', session_id), ('tenant', to_char(day, 'YYYY-MM-DD'))) as sums (scope, key)
    where key is not null
    group by tenant, scope, key
    order by tenant, scope, key
    on conflict (tenant, scope, key) do update
    set tokens = greatest(0, known.tokens + excluded.tokens), cost = greatest(0, known.cost + excluded.cost)
)
insert into agent_events (tenant, session_id, type, version, payload)
select settled.tenant, coalesce(settled.session_id, '_'), $3, $4, entry.payload
from settled join entry using (usage_id)
where settled.session_id is not null or entry.nobodys
order by entry.place

-- name: release_reservations
-- What was set aside so many seconds ago and never settled: whoever did so is gone. Rows that somebody settles or
-- forgets at this moment are left to them.
with late as (
    select usage_id from usage where outcome is null and created_at < now() - make_interval(secs => $1)
    order by usage_id
    limit 500
    for update skip locked
), gone as (
    delete from usage using late where usage.usage_id = late.usage_id
    returning usage.tenant, usage.session_id, usage.day, usage.reserved_tokens, usage.reserved_cost
)
insert into spent as known (tenant, scope, key, tokens, cost)
select tenant, scope, key, -sum(reserved_tokens), -sum(reserved_cost)
from gone
cross join lateral (values ('session', session_id), ('tenant', to_char(day, 'YYYY-MM-DD'))) as sums (scope, key)
where exists (select from spent where spent.tenant = gone.tenant and spent.scope = sums.scope and spent.key = sums.key)
group by tenant, scope, key
order by tenant, scope, key
on conflict (tenant, scope, key) do update
set tokens = greatest(0, known.tokens + excluded.tokens), cost = greatest(0, known.cost + excluded.cost)

-- name: drop_old_days
delete from spent where scope = 'tenant' and key < to_char(now() - interval '7 days', 'YYYY-MM-DD')

-- name: sum_usage
select day, model, count(*) as calls, count(*) filter (where outcome in ('failed', 'cut')) as failed,
    sum(prompt_tokens)::bigint as prompt_tokens, sum(completion_tokens)::bigint as completion_tokens,
    sum(cost_usd)::float8 as cost_usd
from usage
where tenant = $1 and day between $2 and $3 and outcome is not null
group by day, model
order by day, model

-- name: log_event
-- Under the lock of the session (`lock_session` or `share_session`), before it is marked as forgotten. Of a forgotten
-- session nothing is told.
insert into agent_events (tenant, session_id, type, version, payload)
select $1::text, $2::text, $3, $4, $5
where not exists (select from forgotten_sessions where tenant = $1 and session_id = $2)

-- name: relay_lock
-- One relay at a time, for as long as this connection lives.
select pg_try_advisory_lock(hashtext('deskbus.agent.relay'))

-- name: unpublished_events
select id, id as ev_seq, tenant, session_id, type, version, payload, created_at, final from agent_events
where not published
order by id
limit $1

-- name: mark_published
update agent_events set published = true
where id in (select id from agent_events where id = any($1::bigint[]) order by id for update)

-- name: drop_old_events
-- Some that were published long ago: EVENTS keeps them longer.
delete from agent_events where id in (
    select id from agent_events where published and created_at < now() - interval '7 days'
    order by id
    limit 1000
    for update skip locked
)

-- name: forget_steps
delete from steps where tenant = $1 and session_id = $2

-- name: forget_approvals
-- Before `forget_events`: it waits for a decision that is being made, whose event must go, too.
delete from approvals where tenant = $1 and session_id = $2

-- name: forget_usage
-- The sums stay. First the calls and then what they add up to, as whoever releases a reservation does.
with blank as (
    update usage set session_id = null, turn_id = null where tenant = $1 and session_id = $2 returning usage_id
)
delete from spent
where tenant = $1 and scope = 'session' and key = $2 and (select count(*) from blank) >= 0

-- name: forget_events
-- One row stays, without a payload: by it the relay takes what it has published of the session out of EVENTS.
with gone as (
    delete from agent_events where id in (
        select id from agent_events where tenant = $1 and session_id = $2 order by id for update
    )
)
insert into agent_events (tenant, session_id, type, payload) values ($1, $2, 'session_forgotten', null)
