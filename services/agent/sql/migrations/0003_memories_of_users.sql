-- Memories of users, known in all of their sessions, beside those of one session. Personal data: erased when the user
-- asks for it, and when the sessions that told them are gone.

-- What a memory matters after a while: half of its importance for each 30 days in which nobody used it. The exponential
-- decay since the last use is that of Park et al., "Generative Agents" (2023), section 4.1; here it scales importance.
create function decayed(importance double precision, last_used_at timestamptz, at timestamptz) returns double precision
language sql immutable parallel safe
return importance * power(0.5, greatest(0, extract(epoch from at - last_used_at)) / (30 * 86400));

alter table memories rename to memories_of_sessions;

create table memories (
    memory_id text primary key,
    tenant text not null,
    scope text not null check (scope in ('user', 'session')),
    owner text not null, -- the user or the session that it belongs to
    user_id text, -- whose it is, also where it belongs to a session; null where nobody is known
    told_in text[] not null, -- the sessions that told it, the latest last; ten at most
    kind text not null check (kind in ('user_info', 'preference', 'fact', 'context')),
    label text not null,
    value text not null check (length(value) <= 200),
    content_hash bytea not null, -- of label and value in their normal form
    importance double precision not null check (importance between 0 and 1),
    seq int not null, -- of the message that told it last
    told_at timestamptz not null, -- when that was sent
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    unique (tenant, scope, owner, content_hash)
);
create index memories_of_users on memories (tenant, user_id) where user_id is not null;
create index memories_by_session on memories using gin (told_in);

-- What was remembered until now belongs to its session: nobody wrote down whose session it was.
insert into memories (
    memory_id, tenant, scope, owner, told_in, kind, label, value, content_hash, importance, seq, told_at, created_at, last_used_at
)
select
    'mem_0' || upper(left(replace(gen_random_uuid()::text, '-', ''), 25)), tenant, 'session', session_id, array[session_id],
    case kind when 'order' then 'context' else 'user_info' end, kind, value,
    sha256(convert_to(kind, 'UTF8') || '\x00'::bytea || convert_to(lower(value), 'UTF8')),
    case kind when 'email' then 0.9 when 'phone' then 0.85 else 0.7 end, seq, learned_at, learned_at, learned_at
from memories_of_sessions
on conflict do nothing;

drop table memories_of_sessions;

-- What a session's first answer needs of its user: the ids of the memories that mattered most when it was opened. Never
-- their words: what is erased is gone from here, too.
create table contexts (
    tenant text not null,
    session_id text not null,
    user_id text,
    memory_ids text[] not null default '{}',
    prepared_at timestamptz not null default now(),
    ended_at timestamptz, -- the session is over: nothing is prepared for it any more
    primary key (tenant, session_id)
);
create index contexts_of_users on contexts (tenant, user_id) where user_id is not null;
create index contexts_by_end on contexts (ended_at) where ended_at is not null;

-- Users whose memories were erased lately: what they said before that must not be remembered again.
create table erased_users (
    tenant text not null,
    user_id text not null,
    erased_at timestamptz not null,
    primary key (tenant, user_id)
);
create index erased_users_by_age on erased_users (erased_at);
