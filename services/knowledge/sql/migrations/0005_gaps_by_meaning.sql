-- Gaps hold questions of one meaning, whatever their words; they are dismissed or answered. And which answers cited what.

alter table gaps
    add column state text not null default 'open' check (state in ('open', 'answered', 'closed', 'dismissed')),
    add column document_id text, -- what its answer became
    add column model text, -- which model made the vector
    add column vector bytea; -- of the question that was asked first: float32, little-endian
drop index gaps_most_wanted;
create index gaps_most_wanted on gaps (tenant, state, count desc, last_asked_at desc, gap_id);
create index gaps_of_document on gaps (tenant, document_id) where document_id is not null;

alter table gap_questions
    add column folded text, -- as of gaps; null in rows of before, whose gap has the same one
    add column draft text; -- what an operator answered
create index gap_questions_by_words on gap_questions (tenant, folded);

-- Which passages an answer cited. Gone with its session.
create table citations (
    tenant text not null,
    session_id text not null,
    turn_id text not null,
    document_id text not null,
    version int not null,
    message_id text not null,
    passages int[] not null,
    answered_at timestamptz not null,
    primary key (tenant, session_id, turn_id, document_id, version)
);
create index citations_of_document on citations (tenant, document_id, answered_at desc, turn_id desc);
