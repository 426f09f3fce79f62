-- Statements of the knowledge service, by name.

-- --- documents: whoever changes one holds its lock; whoever changes what is found holds the builds', too, and first

-- name: lock_document
select pg_advisory_xact_lock(hashtextextended('knowledge.document/' || $1::text || '/' || $2::text, 0))

-- name: lock_builds
select pg_advisory_xact_lock(hashtext('deskbus.knowledge.builds'))

-- name: share_builds
select pg_advisory_xact_lock_shared(hashtext('deskbus.knowledge.builds'))

-- name: get_document
select d.*, v.state, v.reason, v.error
from documents d join versions v on (v.tenant, v.document_id, v.version) = (d.tenant, d.document_id, d.newest_version)
where d.tenant = $1 and d.document_id = $2

-- name: newest_version
-- After a page that gave nothing new, the newest version is not the one with the highest number.
select d.session_id, d.newest_version, v.same, v.state, v.reason, v.blob,
    (select max(version) from versions o where (o.tenant, o.document_id) = (d.tenant, d.document_id)) as last_version
from documents d join versions v on (v.tenant, v.document_id, v.version) = (d.tenant, d.document_id, d.newest_version)
where d.tenant = $1 and d.document_id = $2

-- name: last_deleted_version
select version from deletions where tenant = $1 and document_id = $2

-- name: put_document
-- What is found goes on saying what it says: of a document that there is, only the number of its newest version changes.
insert into documents (tenant, document_id, session_id, newest_version, version, title, source, metadata, media_type)
values ($1, $2, $3, $4, 0, $5, $6, $7::jsonb, $8)
on conflict (tenant, document_id) do update
set newest_version = excluded.newest_version, updated_at = now(),
    title = case when documents.version = 0 then excluded.title else documents.title end,
    source = case when documents.version = 0 then excluded.source else documents.source end,
    metadata = case when documents.version = 0 then excluded.metadata else documents.metadata end

-- name: insert_version
insert into versions (tenant, document_id, version, state, same, sha256, size, title, source, metadata, name, media_type,
    content, blob, url)
values ($1, $2, $3, 'queued', $4, $5, $6, $7, $8, $9::jsonb, $10, $11, $12, $13, $14)

-- name: supersede_queued
update versions set state = 'replaced', content = null, unswept = true, leased_until = null
where tenant = $1 and document_id = $2 and version < $3 and state = 'queued'

-- name: document_versions
select * from versions where tenant = $1 and document_id = $2 order by version desc limit $3

-- name: document_passages
select p.position, p.heading, p.text from passages p join builds b using (build_id)
where p.tenant = $1 and p.document_id = $2 and b.state = 'live'
order by p.position limit $3 offset $4

-- name: list_documents
select d.*, v.state, v.reason, v.error, count(*) over () as total
from documents d join versions v on (v.tenant, v.document_id, v.version) = (d.tenant, d.document_id, d.newest_version)
where d.tenant = $1 and d.session_id = ''
    and ($2 = '' or strpos(lower(d.title), lower($2)) > 0 or strpos(lower(d.source), lower($2)) > 0)
    and ($3::text is null or v.state = $3) and d.metadata @> $4::jsonb
order by d.updated_at desc, d.document_id
limit $5 offset $6

-- name: count_documents
select count(*)
from documents d join versions v on (v.tenant, v.document_id, v.version) = (d.tenant, d.document_id, d.newest_version)
where d.tenant = $1 and d.session_id = ''
    and ($2 = '' or strpos(lower(d.title), lower($2)) > 0 or strpos(lower(d.source), lower($2)) > 0)
    and ($3::text is null or v.state = $3) and d.metadata @> $4::jsonb

-- name: has_documents
select exists (select from documents where tenant = $1 and session_id = '')
    or exists (select from deletions where tenant = $1 and session_id = '')

-- name: documents_of_session
select document_id from documents where tenant = $1 and session_id = $2 order by document_id

-- name: bury_document
-- What a version's process may still write into the index is looked for until its lease has passed, too.
insert into deletions (tenant, document_id, session_id, version, blobs, deleted_at)
select d.tenant, d.document_id, d.session_id,
    (select max(version) from versions v where (v.tenant, v.document_id) = (d.tenant, d.document_id)),
    coalesce((select array_agg(blob) from versions v
        where v.tenant = d.tenant and v.document_id = d.document_id and v.blob is not null), '{}'),
    greatest(now(), (select max(leased_until) from versions v
        where v.tenant = d.tenant and v.document_id = d.document_id and v.state = 'indexing'))
from documents d where d.tenant = $1 and d.document_id = $2
on conflict (tenant, document_id) do update
set version = excluded.version, blobs = deletions.blobs || excluded.blobs, deleted_at = excluded.deleted_at, proven_at = null
returning version, blobs, deleted_at > now() as at_work

-- name: delete_document
delete from documents where tenant = $1 and document_id = $2 returning session_id, passages

-- name: count_document_passages
select count(*) from passages where tenant = $1 and document_id = $2

-- name: prove_deletion
update deletions set proven_at = now(), blobs = '{}'
where tenant = $1 and document_id = $2 and version = $3 and proven_at is null and deleted_at <= now()

-- name: unproven_deletions
select * from deletions where proven_at is null order by deleted_at limit $1

-- name: drop_session_deletions
delete from deletions where session_id <> '' and proven_at < now() - interval '1 day'

-- --- versions at work

-- name: lightly
-- What this transaction does may be lost when the power goes: it is done again then.
select set_config('synchronous_commit', 'off', true)

-- name: claim_version
update versions v
set state = 'indexing', attempts = v.attempts + 1, unswept = true, leased_until = now() + make_interval(secs => $1)
from documents d
where (v.tenant, v.document_id, v.version) = (
    select w.tenant, w.document_id, w.version from versions w join documents e using (tenant, document_id)
    where w.state in ('queued', 'indexing') and w.version = e.newest_version
        and (w.leased_until is null or w.leased_until < now())
    order by w.created_at limit 1 for update of w skip locked
) and (d.tenant, d.document_id) = (v.tenant, v.document_id)
returning v.*, d.session_id, d.version as found_version

-- name: renew_version_lease
update versions set leased_until = now() + make_interval(secs => $5)
where tenant = $1 and document_id = $2 and version = $3 and attempts = $4 and state = 'indexing'
returning version

-- name: put_off_version
update versions set state = 'queued', attempts = attempts - 1, leased_until = now() + make_interval(secs => $5)
where tenant = $1 and document_id = $2 and version = $3 and attempts = $4 and state = 'indexing'

-- name: finish_version
update versions
set state = 'ready', content = null, body = $5, entries = $6::jsonb, passages = $7, notes = $8::jsonb, sha256 = $9, size = $10,
    leased_until = null, indexed_at = now()
where tenant = $1 and document_id = $2 and version = $3 and attempts = $4 and state = 'indexing'
returning version

-- name: document_for_switch
select newest_version, version from documents where tenant = $1 and document_id = $2

-- name: drop_version
update versions set state = 'replaced', content = null, leased_until = null
where tenant = $1 and document_id = $2 and version = $3 and attempts = $4 and state = 'indexing'
returning version

-- name: replace_versions
update versions set state = 'replaced', body = null, entries = '[]', content = null
where tenant = $1 and document_id = $2 and version < $3 and state = 'ready'

-- name: drop_oldest_versions
delete from versions where tenant = $1 and document_id = $2 and version <= $3 - 100 and state in ('replaced', 'rejected')

-- name: switch_document
update documents
set version = $3, title = $4, source = $5, metadata = $6::jsonb, language = $7, media_type = $8, passages = $9,
    characters = $10, updated_at = now()
where tenant = $1 and document_id = $2

-- name: reject_version
update versions set state = 'rejected', content = null, reason = $5, error = $6, leased_until = null
where tenant = $1 and document_id = $2 and version = $3 and attempts = $4 and state = 'indexing'
returning version

-- name: forget_version
-- What an address gave is what it gave before.
delete from versions where tenant = $1 and document_id = $2 and version = $3 and attempts = $4 and state = 'indexing'
returning version

-- name: step_back
update documents set newest_version = version, updated_at = now()
where tenant = $1 and document_id = $2 and newest_version = $3 and version > 0

-- name: touch_document
update documents set updated_at = now() where tenant = $1 and document_id = $2

-- name: found_body
select v.body, v.entries, d.title, d.source, d.metadata
from documents d join versions v on (v.tenant, v.document_id, v.version) = (d.tenant, d.document_id, d.version)
where d.tenant = $1 and d.document_id = $2

-- name: drop_superseded
update versions v set state = 'replaced', content = null, leased_until = null
where state in ('queued', 'indexing') and (leased_until is null or leased_until < now())
    and version < (select newest_version from documents d where (d.tenant, d.document_id) = (v.tenant, v.document_id))

-- name: unswept_versions
select v.tenant, v.document_id, v.version, v.state, v.blob, d.version as found_version
from versions v join documents d using (tenant, document_id)
where v.unswept and v.state in ('ready', 'replaced', 'rejected') and (v.blob is not null or d.version >= v.version)
order by v.created_at limit $1

-- name: sweep_version
-- Nothing of it is in the bucket any more; nor in the index, where a version from then on is found.
update versions v set blob = null, unswept = v.version > d.version
from documents d
where (d.tenant, d.document_id) = (v.tenant, v.document_id) and v.tenant = $1 and v.document_id = $2 and v.version = $3

-- name: unsettled_documents
-- Those of which the index may hold more than what is found.
select distinct tenant, document_id from versions where unswept
union
select tenant, document_id from deletions where proven_at is null

-- name: waiting_documents
select count(*) from versions v join documents d using (tenant, document_id)
where v.tenant = $1 and v.version = d.newest_version and v.state in ('queued', 'indexing')

-- --- builds

-- name: active_builds
select * from builds where state <> 'retired' order by created_at

-- name: all_builds
select * from builds order by created_at

-- name: insert_build
insert into builds (build_id, model, dimension, chunking, state) values ($1, $2, $3, $4, $5) returning *

-- name: replace_empty_build
update builds set model = $2, dimension = $3, chunking = $4 where build_id = $1
    and not exists (select from passages)
returning *

-- name: lease_build
update builds set leased_until = now() + make_interval(secs => $2), error = null
where build_id = $1 and state = 'building' and (leased_until is null or leased_until < now())
returning *

-- name: renew_build_lease
update builds set leased_until = now() + make_interval(secs => $2) where build_id = $1 and state = 'building'
returning build_id

-- name: release_build
update builds set leased_until = null, error = $2 where build_id = $1 and state = 'building'

-- name: unbuilt_documents
select d.tenant, d.document_id from documents d
where d.version > 0 and (d.tenant, d.document_id) > ($2, $3) and not exists (
    select from passages p
    where p.tenant = d.tenant and p.document_id = d.document_id and p.build_id = $1 and p.version = d.version
)
order by d.tenant, d.document_id limit $4

-- name: version_to_build
select v.*, d.session_id, d.title as found_title, d.source as found_source, d.metadata as found_metadata
from documents d join versions v on (v.tenant, v.document_id, v.version) = (d.tenant, d.document_id, d.version)
where d.tenant = $1 and d.document_id = $2

-- name: build_progress
select count(*) as documents, count(*) filter (where exists (
    select from passages p
    where p.tenant = d.tenant and p.document_id = d.document_id and p.build_id = $1 and p.version = d.version
)) as done
from documents d where d.version > 0

-- name: retire_live
update builds set state = 'retired', retired_at = now() where state = 'live' returning build_id

-- name: make_live
update builds set state = 'live', leased_until = null, error = null where build_id = $1 and state = 'building' returning build_id

-- name: recount_passages
update documents d set passages = (select count(*) from passages p
    where p.tenant = d.tenant and p.document_id = d.document_id and p.build_id = $1)

-- name: retired_builds
select * from builds where state = 'retired' and retired_at < now() - make_interval(secs => $1)

-- name: drop_build_passages
delete from passages where (build_id, tenant, passage_id) in (
    select build_id, tenant, passage_id from passages where build_id = $1 limit 5000
)

-- name: drop_build
delete from builds where build_id = $1 and state <> 'live'

-- --- what searches read

-- name: grounds
-- The live build, and the generation of what a search rests on: the tenant's, and of the session it names.
select (select build_id from builds where state = 'live') as build_id,
    (select string_agg(generation, '/' order by session_id) from generations
        where tenant = $1 and session_id in ('', $2)) as generation

-- name: renew_generation
insert into generations (tenant, session_id) values ($1, $2)
on conflict (tenant, session_id) do update set generation = gen_random_uuid()::text

-- name: renew_generations
update generations set generation = gen_random_uuid()::text

-- name: drop_generation
delete from generations where tenant = $1 and session_id = $2 and session_id <> ''

-- name: delete_passages
delete from passages where tenant = $1 and document_id = $2

-- name: insert_passage
insert into passages (build_id, tenant, passage_id, document_id, session_id, version, position, heading, text)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (build_id, tenant, passage_id) do nothing

-- name: passages
select p.*, d.title, d.source, d.metadata
from passages p join documents d using (tenant, document_id)
where p.tenant = $1 and p.build_id = $2 and p.passage_id = any($3::text[])
    and p.session_id in ('', $4)

-- name: passages_of_document
select p.*, d.title, d.source, d.metadata
from passages p join documents d using (tenant, document_id)
where p.tenant = $1 and p.document_id = $2 and p.build_id = $3
order by p.position

-- name: documents_in_build
select tenant, document_id, count(*) as passages from passages
where build_id = $1 and (tenant, document_id) > ($2, $3)
group by tenant, document_id order by tenant, document_id limit $4

-- name: count_passages
select count(*) from passages where build_id = $1

-- --- the event log

-- name: log_event
insert into knowledge_events (tenant, type, version, payload) values ($1, $2, $3, $4)

-- name: relay_lock
-- One relay at a time, for as long as this connection lives.
select pg_try_advisory_lock(hashtext('deskbus.knowledge.relay'))

-- name: unpublished_events
select id, id as ev_seq, tenant, '_' as session_id, type, version, payload, created_at, false as final
from knowledge_events where not published
order by id
limit $1

-- name: mark_published
update knowledge_events set published = true
where id in (select id from knowledge_events where id = any($1::bigint[]) order by id for update)

-- name: drop_old_events
-- Some that were published long ago: EVENTS keeps them longer.
delete from knowledge_events where id in (
    select id from knowledge_events where published and created_at < now() - interval '7 days'
    order by id
    limit 1000
    for update skip locked
)

-- name: lock_gaps
-- Whoever writes a tenant's gaps is alone with them.
select pg_advisory_xact_lock(hashtextextended('knowledge.gaps/' || $1::text, 0))

-- name: is_settled
-- Whether a turn needs no note: it has one, or its session was deleted.
select exists (select from gap_questions where tenant = $1 and session_id = $2 and turn_id = $3)
    or exists (select from forgotten_sessions where tenant = $1 and session_id = $2)

-- name: find_gap
-- The gap that has this question in the same words.
select gap_id from gaps where tenant = $1 and folded = $2
union all
select gap_id from gap_questions where tenant = $1 and folded = $2
limit 1

-- name: gap_vectors
-- Those that a question in other words may belong to, asked last first.
select gap_id, vector from gaps where tenant = $1 and model = $2 order by last_asked_at desc, gap_id limit $3

-- name: gap_exists
select exists (select from gaps where tenant = $1 and gap_id = $2)

-- name: insert_gap
insert into gaps (tenant, gap_id, folded, question, count, first_asked_at, last_asked_at, model, vector)
values ($1, $2, $3, $4, 0, $5, $5, $6, $7)

-- name: insert_gap_question
insert into gap_questions (tenant, session_id, turn_id, gap_id, question, asked_at, folded)
values ($1, $2, $3, $4, $5, $6, $7)

-- name: open_gap_again
-- What was answered and is asked in vain again is open; what was dismissed stays so.
update gaps set state = 'open' where tenant = $1 and gap_id = $2 and state in ('answered', 'closed')

-- name: draft_gap
-- An operator's words answer what the session's customer asked last, if that was within a day.
update gap_questions q set draft = left($3, 10000)
where (tenant, session_id, turn_id) in (
    select tenant, session_id, turn_id from gap_questions
    where tenant = $1 and session_id = $2 and asked_at between $4::timestamptz - interval '1 day' and $4
    order by asked_at desc, turn_id desc limit 1
) and draft is null

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
where tenant = $1 and state = $2
order by count desc, last_asked_at desc, gap_id
limit $3 offset $4

-- name: get_gap
select * from gaps where tenant = $1 and gap_id = $2

-- name: gap_words
-- Other wordings of gaps, the latest first, and the latest draft of each.
select gap_id,
    (array_agg(distinct_question order by asked_at desc))[1:6] as questions,
    (array_agg(draft order by asked_at desc) filter (where draft is not null))[1] as draft
from (
    select gap_id, folded, max(asked_at) as asked_at,
        (array_agg(question order by asked_at desc, turn_id desc))[1] as distinct_question,
        (array_agg(draft order by asked_at desc) filter (where draft is not null))[1] as draft
    from gap_questions where tenant = $1 and gap_id = any($2::text[])
    group by gap_id, folded
) q
group by gap_id

-- name: set_gap_state
update gaps set state = $3, document_id = coalesce($4, document_id) where tenant = $1 and gap_id = $2 returning *

-- name: gaps_answered_by
select * from gaps where tenant = $1 and document_id = $2 and state = 'answered' order by gap_id

-- name: count_gaps
select count(*) from gaps where tenant = $1 and state = $2

-- name: insert_citation
insert into citations (tenant, session_id, turn_id, document_id, version, message_id, passages, answered_at)
select $1, $2, $3, $4, $5, $6, $7, $8
where not exists (select from forgotten_sessions where tenant = $1 and session_id = $2)
on conflict do nothing

-- name: forget_citations
delete from citations where tenant = $1 and session_id = $2

-- name: citations
select c.*, d.version is distinct from c.version as outdated
from citations c left join documents d using (tenant, document_id)
where c.tenant = $1 and c.document_id = $2 and ($3::int is null or c.version = $3)
order by c.answered_at desc, c.turn_id desc
limit $4 offset $5

-- name: count_citations
select count(*) as total, count(*) filter (where d.version is distinct from c.version) as outdated
from citations c left join documents d using (tenant, document_id)
where c.tenant = $1 and c.document_id = $2 and ($3::int is null or c.version = $3)
