-- The truth about documents and their passages; the vector index is built from it and can be built again.

create table documents (
    tenant text not null,
    document_id text not null,
    version int not null,
    title text not null,
    source text not null,
    category text not null,
    body text not null,
    updated_at timestamptz not null default now(),
    primary key (tenant, document_id)
);

create table passages (
    tenant text not null,
    passage_id text not null,
    document_id text not null,
    version int not null,
    position int not null,
    heading text not null,
    text text not null,
    primary key (tenant, passage_id),
    foreign key (tenant, document_id) references documents on delete cascade
);
create index passages_of_document on passages (tenant, document_id);
