-- Documents with versions, passages per build of the index, what is deleted, and the event log.

-- One way of cutting and embedding everything; the live one is what searches find.
create table builds (
    build_id text primary key,
    model text not null,
    dimension int not null,
    chunking text not null,
    state text not null check (state in ('building', 'live', 'retired')),
    error text,
    leased_until timestamptz, -- of whoever fills it
    created_at timestamptz not null default now(),
    retired_at timestamptz
);
create unique index builds_one_live on builds (state) where state = 'live';
create unique index builds_one_building on builds (state) where state = 'building';

alter table documents
    add column metadata jsonb not null default '{}',
    add column language text not null default '',
    add column media_type text not null default '',
    add column session_id text not null default '', -- of an upload: the session that may find it
    add column newest_version int not null default 0, -- the one given last; `version` is the one that is found, 0: none
    add column passages int not null default 0,
    add column characters int not null default 0,
    add column created_at timestamptz not null default now();
update documents d
set metadata = jsonb_build_object('category', category), newest_version = version, characters = length(body),
    media_type = 'text/markdown', created_at = updated_at,
    passages = (select count(*) from passages p where p.tenant = d.tenant and p.document_id = d.document_id);
create index documents_changed_last on documents (tenant, updated_at desc, document_id) where session_id = '';
create index documents_of_session on documents (tenant, session_id) where session_id <> '';

create table versions (
    tenant text not null,
    document_id text not null,
    version int not null,
    state text not null check (state in ('queued', 'indexing', 'ready', 'replaced', 'rejected')),
    same text not null, -- a hash of all that was given
    sha256 text not null, -- of the content alone
    size bigint not null,
    title text, -- what was given; null: what the file says
    source text,
    metadata jsonb not null,
    name text not null default '',
    media_type text, -- what the sender said
    content text, -- what was given, until it is read: a text, a blob or an address
    blob text,
    url text,
    body text, -- what was read, as Markdown, while it is found
    entries jsonb not null default '[]', -- where it is a list of questions and answers
    passages int not null default 0,
    notes jsonb not null default '[]',
    reason text,
    error text,
    attempts int not null default 0,
    leased_until timestamptz,
    -- whether the index or the bucket may hold something of it that is not needed: from the first attempt until swept
    unswept boolean not null default false,
    created_at timestamptz not null default now(),
    indexed_at timestamptz,
    primary key (tenant, document_id, version),
    foreign key (tenant, document_id) references documents on delete cascade
);
create index versions_waiting on versions (created_at) where state in ('queued', 'indexing');
create index versions_unswept on versions (created_at) where unswept;
insert into versions (tenant, document_id, version, state, same, sha256, size, title, source, metadata, media_type, body,
    passages, created_at, indexed_at)
select tenant, document_id, version, 'ready',
    encode(sha256(convert_to('["' || encode(sha256(convert_to(body, 'UTF8')), 'hex') || '",' || to_json(title)::text || ','
        || to_json(source)::text || ',{"category":' || to_json(category)::text || '}]', 'UTF8')), 'hex'),
    encode(sha256(convert_to(body, 'UTF8')), 'hex'), octet_length(body),
    title, source, metadata, 'text/markdown', body, passages, updated_at, updated_at
from documents;
alter table documents drop column body, drop column category;

-- The passages that there are stay what is found; they are cut anew beside them (`domain/builds.py`).
alter table passages add column build_id text not null default 'b0', add column session_id text not null default '';
insert into builds (build_id, model, dimension, chunking, state)
select 'b0', 'minilm-l6-v2-int8', 384, 'words1', 'live' where exists (select from passages);
alter table passages alter column build_id drop default, drop constraint passages_pkey,
    add primary key (build_id, tenant, passage_id);
alter table passages add foreign key (build_id) references builds;
drop index passages_of_document;
create index passages_of_document on passages (tenant, document_id, build_id, position);

-- What was deleted, and the number of its last version: none comes twice, so that what names one is never mistaken.
create table deletions (
    tenant text not null,
    document_id text not null,
    session_id text not null,
    version int not null,
    blobs text[] not null,
    deleted_at timestamptz not null default now(),
    proven_at timestamptz, -- when nothing of it was left in the index
    primary key (tenant, document_id)
);
create index deletions_unproven on deletions (deleted_at) where proven_at is null;

-- A session's uploads have a generation of their own.
alter table generations add column session_id text not null default '', drop constraint generations_pkey,
    add primary key (tenant, session_id);

create table knowledge_events (
    id bigint generated always as identity primary key,
    tenant text not null,
    type text not null,
    version int not null default 1,
    payload text not null,
    created_at timestamptz not null default now(),
    published boolean not null default false
);
create unique index knowledge_events_unpublished on knowledge_events (id) where not published;
create index knowledge_events_by_age on knowledge_events (created_at) where published;
