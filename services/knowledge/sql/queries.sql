-- Statements of the knowledge service, by name.

-- name: put_document
insert into documents (tenant, document_id, version, title, source, category, body)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant, document_id) do update
set version = excluded.version, title = excluded.title, source = excluded.source, category = excluded.category,
    body = excluded.body, updated_at = now()

-- name: get_document
select * from documents where tenant = $1 and document_id = $2

-- name: documents
select * from documents where tenant = $1 order by document_id

-- name: delete_document
delete from documents where tenant = $1 and document_id = $2 returning document_id

-- name: generation
select generation from generations where tenant = $1

-- name: renew_generation
insert into generations (tenant) values ($1)
on conflict (tenant) do update set generation = excluded.generation

-- name: renew_generations
update generations set generation = gen_random_uuid()::text

-- name: delete_passages
delete from passages where tenant = $1 and document_id = $2

-- name: insert_passage
insert into passages (tenant, passage_id, document_id, version, position, heading, text)
values ($1, $2, $3, $4, $5, $6, $7)

-- name: passages
select p.*, d.title, d.source, d.category
from passages p join documents d using (tenant, document_id)
where p.tenant = $1 and p.passage_id = any($2::text[])

-- name: passages_after
select p.*, d.title, d.source, d.category
from passages p join documents d using (tenant, document_id)
where (p.tenant, p.passage_id) > ($1, $2)
order by p.tenant, p.passage_id
limit $3

-- name: count_passages
select count(*) from passages

-- name: lock_gaps
-- Whoever writes a tenant's gaps is alone with them.
select pg_advisory_xact_lock(hashtextextended('knowledge.gaps/' || $1::text, 0))

-- name: is_settled
-- Whether a turn needs no note: it has one, or its session was deleted.
select exists (select from gap_questions where tenant = $1 and session_id = $2 and turn_id = $3)
    or exists (select from forgotten_sessions where tenant = $1 and session_id = $2)

-- name: find_gap
select gap_id from gaps where tenant = $1 and folded = $2

-- name: insert_gap
insert into gaps (tenant, gap_id, folded, question, count, first_asked_at, last_asked_at)
values ($1, $2, $3, $4, 0, $5, $5)

-- name: insert_gap_question
insert into gap_questions (tenant, session_id, turn_id, gap_id, question, asked_at) values ($1, $2, $3, $4, $5, $6)

-- name: drop_oldest_gap_questions
delete from gap_questions q
where tenant = $1 and (session_id, turn_id) in (
    select session_id, turn_id from gap_questions where tenant = $1 and gap_id = $2
    order by asked_at desc, turn_id desc offset $3
)

-- name: drop_least_wanted_gaps
-- All but so many, the one given aside: a new one could never come in among others that were asked twice.
delete from gaps where tenant = $1 and gap_id in (
    select gap_id from gaps where tenant = $1 and gap_id <> $2
    order by count desc, last_asked_at desc, gap_id offset $3 - 1
)

-- name: renew_gaps
-- What gaps say follows from the questions that they have.
update gaps g
set question = q.question, count = q.count, first_asked_at = q.first_asked_at, last_asked_at = q.last_asked_at
from (
    select gap_id, count(*) as count, min(asked_at) as first_asked_at, max(asked_at) as last_asked_at,
        (array_agg(question order by asked_at desc, turn_id desc))[1] as question
    from gap_questions where tenant = $1 and gap_id = any($2::text[])
    group by gap_id
) q
where g.tenant = $1 and g.gap_id = q.gap_id

-- name: forget_gap_questions
delete from gap_questions where tenant = $1 and session_id = $2 returning gap_id

-- name: drop_empty_gaps
delete from gaps g
where tenant = $1 and gap_id = any($2::text[])
    and not exists (select from gap_questions q where q.tenant = g.tenant and q.gap_id = g.gap_id)

-- name: mark_forgotten
insert into forgotten_sessions (tenant, session_id) values ($1, $2) on conflict do nothing

-- name: drop_old_marks
delete from forgotten_sessions where forgotten_at < now() - interval '7 days'

-- name: list_gaps
select *, count(*) over () as total from gaps
where tenant = $1
order by count desc, last_asked_at desc, gap_id
limit $2 offset $3

-- name: count_gaps
select count(*) from gaps where tenant = $1
