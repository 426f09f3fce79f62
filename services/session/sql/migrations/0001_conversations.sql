-- Sessions, their messages and turns, and the event log that is outbox, resume source and audit trail in one.

create table sessions (
    id text primary key,
    tenant text not null,
    user_id text,
    thread_id text not null,
    status text not null default 'active' check (status in ('active', 'escalated', 'ended')),
    control_epoch bigint not null default 0,
    -- json, not jsonb: metadata is given back as it came
    metadata json not null default '{}',
    idempotency_key text,
    last_seq bigint not null default 0,
    last_ev_seq bigint not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    last_activity timestamptz not null,
    unique (tenant, idempotency_key)
);
create index sessions_newest on sessions (tenant, created_at desc, id desc);
create index sessions_of_user on sessions (tenant, user_id, created_at desc) where user_id is not null;

create table turns (
    id text primary key,
    session_id text not null references sessions on delete cascade,
    status text not null check (status in ('queued', 'running', 'completed', 'failed', 'cancelled')),
    answers_seq bigint[] not null,
    attempt int not null default 0,
    -- attempts that do not count against the limit: an agent that drains gives its turn back
    spared int not null default 0,
    agent_id text,
    claim_id text unique,
    -- on this server's clock, nobody else's; in the past while nobody holds the turn
    lease_until timestamptz not null default '-infinity',
    traceparent text not null default '',
    created_at timestamptz not null,
    finished_at timestamptz
);
-- one answer at a time
create unique index turns_open on turns (session_id) where status in ('queued', 'running');
create index turns_waiting on turns (created_at) where status in ('queued', 'running');

create table messages (
    id text primary key,
    session_id text not null references sessions on delete cascade,
    seq bigint not null,
    role text not null check (role in ('user', 'assistant', 'operator', 'system')),
    status text not null check (status in ('complete', 'cancelled', 'failed')),
    content text not null,
    client_message_id text,
    turn_id text,
    -- a customer's message that no turn has taken up yet
    waiting boolean not null default false,
    attachments json not null default '[]',
    sources json not null default '[]',
    tools_used json not null default '[]',
    confidence double precision,
    processing_time double precision,
    metadata json not null default '{}',
    created_at timestamptz not null,
    unique (session_id, seq),
    unique (session_id, client_message_id)
);
create index messages_waiting on messages (session_id) where waiting;
create index messages_of_turn on messages (turn_id) where turn_id is not null;

create table session_events (
    id bigint generated always as identity,
    session_id text not null,
    ev_seq bigint not null,
    tenant text not null,
    type text not null,
    version int not null default 1,
    payload text not null,
    published boolean not null default false,
    created_at timestamptz not null,
    primary key (session_id, ev_seq)
);
create unique index session_events_unpublished on session_events (id) where not published;
