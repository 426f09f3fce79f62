-- What turns did and what they cost: the steps of answers, actions that wait for a person's word, the calls of language
-- models, what is left of budgets, and the agent's own event log.

-- What a session's model and tools said is personal data: it goes when its session goes.
create table steps (
    tenant text not null,
    session_id text not null,
    turn_id text not null,
    number int not null, -- through all attempts of the turn
    attempt int not null,
    call_id text not null,
    name text not null,
    arguments text not null, -- as the model wrote them, which may be no JSON
    idempotent boolean not null,
    result json, -- null while it is not known how it ended
    begun_at timestamptz not null default now(),
    ended_at timestamptz,
    primary key (turn_id, number)
);
create index steps_of_session on steps (tenant, session_id);

create table approvals (
    approval_id text primary key,
    tenant text not null,
    session_id text not null,
    turn_id text not null,
    fingerprint text not null, -- of the tool and its arguments: another attempt's model gives the call another id
    call json not null,
    tool text not null,
    description text not null,
    arguments json not null,
    status text not null default 'pending' check (status in ('pending', 'approved', 'refused', 'expired')),
    requested_at timestamptz not null default now(),
    expires_at timestamptz not null,
    operator text,
    comment text,
    decided_at timestamptz,
    unique (turn_id, fingerprint)
);
create index approvals_in_order on approvals (tenant, approval_id);
create index approvals_of_session on approvals (tenant, session_id);
create index approvals_pending on approvals (expires_at) where status = 'pending';

-- One row a call. It is kept after its session, of which it then knows nothing.
create table usage (
    usage_id text primary key,
    tenant text not null,
    session_id text, -- null: of none, or of one that was forgotten
    turn_id text,
    attempt int,
    call int,
    model text,
    purpose text,
    outcome text, -- null while it is reserved and not settled
    code text not null default '',
    prompt_tokens bigint not null default 0,
    completion_tokens bigint not null default 0,
    estimated boolean not null default false,
    cost_usd numeric not null default 0,
    first_token_ms double precision,
    duration_ms double precision,
    reserved_tokens bigint not null default 0,
    reserved_cost numeric not null default 0,
    day date not null default (now() at time zone 'UTC')::date,
    created_at timestamptz not null default now(),
    settled_at timestamptz
);
create index usage_by_day on usage (tenant, day);
create index usage_of_session on usage (tenant, session_id) where session_id is not null;
create index usage_reserved on usage (created_at) where outcome is null;

-- What is spent or set aside: of a session (key: its id), and of a tenant on a day (key: the day in UTC).
create table spent (
    tenant text not null,
    scope text not null check (scope in ('session', 'tenant')),
    key text not null,
    tokens bigint not null,
    cost numeric not null,
    primary key (tenant, scope, key)
);

-- The outbox. Its ids give the order of a session's events, with gaps.
create table agent_events (
    id bigint generated always as identity primary key,
    tenant text not null,
    session_id text not null, -- '_' where there is none
    type text not null,
    version int not null default 1,
    payload text, -- null: what was published of the session is to be taken out of EVENTS
    created_at timestamptz not null default now(),
    published boolean not null default false,
    final boolean not null default false
);
create unique index agent_events_unpublished on agent_events (id) where not published;
create index agent_events_of_session on agent_events (tenant, session_id);
create index agent_events_by_age on agent_events (created_at) where published;
