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
