-- Operators who take conversations over, their queue and their notes; answers that are called off or come too late.

-- until when the agent of a turn that was called off may say how far it came; on this server's clock
alter table turns add column cancel_by timestamptz;
-- after which a turn is given up, whoever works on it; on this server's clock
alter table turns add column expires_at timestamptz not null default 'infinity';

alter table tickets add column tenant text;
update tickets t set tenant = s.tenant from sessions s where s.id = t.session_id;
alter table tickets alter column tenant set not null;
alter table tickets add column operator text;
alter table tickets add column claimed_at timestamptz;
-- what was known of the conversation at the hand-over, up to the message with this seq
alter table tickets add column summary text not null default '';
alter table tickets add column sources json not null default '[]';
alter table tickets add column seq bigint not null default 0;
-- the queue's order: names do not sort by what they mean
alter table tickets add column rank smallint generated always as (
    case priority when 'urgent' then 0 when 'high' then 1 when 'normal' then 2 else 3 end
) stored;
create index tickets_queue on tickets (tenant, status, rank, created_at, id);

create table notes (
    session_id text not null references sessions on delete cascade,
    id text not null,
    content text not null,
    operator text not null,
    created_at timestamptz not null,
    primary key (session_id, id)
);

-- lists go on after a session: its id decides between those made at the same time
drop index sessions_of_user;
create index sessions_of_user on sessions (tenant, user_id, created_at desc, id desc) where user_id is not null;
