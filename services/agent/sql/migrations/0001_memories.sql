-- What customers have told about themselves, within their sessions. Personal data: it goes when its session goes.

create table memories (
    memory_id bigint generated always as identity primary key,
    tenant text not null,
    session_id text not null,
    kind text not null check (kind in ('email', 'phone', 'order')),
    value text not null,
    seq int not null, -- of the message that told it last
    learned_at timestamptz not null default now(),
    unique (tenant, session_id, kind, value)
);

-- Sessions that were deleted lately: an answer that was still being written must not remember them again.
create table forgotten_sessions (
    tenant text not null,
    session_id text not null,
    forgotten_at timestamptz not null default now(),
    primary key (tenant, session_id)
);
create index forgotten_sessions_by_age on forgotten_sessions (forgotten_at);
