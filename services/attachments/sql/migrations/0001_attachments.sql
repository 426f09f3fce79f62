-- What customers have uploaded. The bytes are in the object store under the attachment's id.

create table attachments (
    id text primary key,
    tenant text not null,
    session_id text not null,
    filename text not null,
    content_type text not null, -- as the client declared it
    detected_type text,
    size bigint not null,
    sha256 text not null,
    state text not null default 'uploaded' check (state in ('uploaded', 'ready', 'rejected')),
    text text not null default '',
    truncated boolean not null default false,
    preview text,
    reason text,
    error text,
    message_id text,
    attempts int not null default 0, -- to read it
    leased_until timestamptz,
    used_at timestamptz not null default now(),
    created_at timestamptz not null default now()
);
create index attachments_of_session on attachments (tenant, session_id);
create index attachments_to_read on attachments (created_at) where state = 'uploaded';
create index attachments_unused on attachments (used_at) where message_id is null;

-- An upload that was under way when its session was deleted must not come after it.
create table deleted_sessions (
    tenant text not null,
    session_id text not null,
    deleted_at timestamptz not null default now(),
    primary key (tenant, session_id)
);
