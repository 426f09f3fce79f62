-- What spoke for a person when a conversation was handed over: how much, and in whose words.

alter table tickets add column score double precision not null default 1;
alter table tickets add column evidence json not null default '[]';
