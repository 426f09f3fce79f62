-- Hand-overs to people, ratings of answers, and sessions that are deleted with all that belongs to them.

create table tickets (
    id text primary key,
    session_id text not null references sessions on delete cascade,
    status text not null default 'open' check (status in ('open', 'closed')),
    reasons json not null,
    category text not null,
    priority text not null check (priority in ('low', 'normal', 'high', 'urgent')),
    created_at timestamptz not null,
    closed_at timestamptz
);
-- one hand-over at a time
create unique index tickets_open on tickets (session_id) where status = 'open';

alter table messages add column feedback json;

-- the last event of a session that is no more: once it is published, what came before it is removed from EVENTS
alter table session_events add column final boolean not null default false;

create index sessions_to_clean_up on sessions (tenant, last_activity) where status <> 'active';
