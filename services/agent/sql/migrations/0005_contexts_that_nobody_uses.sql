-- When an answer last asked for what was prepared for its session, to the hour: of a session that never ends it is dropped
-- once nobody has used it for a day.
alter table contexts add column used_at timestamptz not null default now();
create index contexts_by_use on contexts (used_at) where ended_at is null;
